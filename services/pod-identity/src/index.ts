import type { ExitCodes, StartService } from '@holdfast/process';

import { servePodIdentity, startPodIdentity } from './main.ts';

export { buildApp } from './app.ts';
export { createNodeCluster } from './cluster/node-cluster.ts';
export type { NodeClusterPort } from './cluster/node-cluster.ts';
export { assertNamespaced, configSchema, readConfig } from './config.ts';
export type { NmiConfig } from './config.ts';
export type { NmiContext } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { createEvents } from './events.ts';
export { createRedirector } from './redirect/redirector.ts';
export type { Redirector, RedirectorOptions } from './redirect/redirector.ts';
export { applyCommands, listCommand, nftablesRules, removeCommands } from './redirect/rules.ts';
export type { RedirectCommand, Redirection, RedirectTool } from './redirect/rules.ts';
export { servePodIdentity, startPodIdentity };

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'pod-identity',
  start: startPodIdentity,
  exitCodes: {},
};
