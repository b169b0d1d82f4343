import type { ExitCodes, StartService } from '@holdfast/process';

import { startController } from './controller/main.ts';
import { servePodIdentity, startPodIdentity } from './main.ts';
import { startWorkloadProxy } from './workload-proxy/main.ts';

export { buildApp } from './app.ts';
export { createNodeCluster } from './cluster/node-cluster.ts';
export type { NodeClusterPort } from './cluster/node-cluster.ts';
export { assertNamespaced, configSchema, readConfig } from './config.ts';
export type { NmiConfig } from './config.ts';
export type { NmiContext } from './context.ts';
export { controllerConfigSchema, readControllerConfig } from './controller/config.ts';
export type { ControllerConfig } from './controller/config.ts';
export { serveController } from './controller/main.ts';
export type { ControllerCluster } from './controller/main.ts';
export { errorCodes } from './error-codes.ts';
export { createEvents } from './events.ts';
export { createRedirector } from './redirect/redirector.ts';
export type { Redirector, RedirectorOptions } from './redirect/redirector.ts';
export { applyCommands, listCommand, nftablesRules, removeCommands } from './redirect/rules.ts';
export type { RedirectCommand, Redirection, RedirectTool } from './redirect/rules.ts';
export { servePodIdentity, startPodIdentity };
export { readWorkloadProxyConfig, workloadProxyConfigSchema } from './workload-proxy/config.ts';
export type { WorkloadProxyConfig } from './workload-proxy/config.ts';

interface Service {
  readonly name: string;
  readonly start: StartService;
  readonly exitCodes: ExitCodes;
}

/** The node's server. */
export const service: Service = { name: 'pod-identity', start: startPodIdentity, exitCodes: {} };

/** The proxy of a migrated pod. */
export const workloadProxyService: Service = { name: 'identity-proxy', start: startWorkloadProxy, exitCodes: {} };

/** The controller of standard mode. */
export const controllerService: Service = { name: 'pod-identity-controller', start: startController, exitCodes: {} };
