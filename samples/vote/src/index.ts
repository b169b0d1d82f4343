import type { ExitCodes, StartService } from '@holdfast/process';

import { startVote } from './main.ts';

export { buildApp } from './app.ts';
export type { VoteContext } from './app.ts';
export { Ballot } from './ballot.ts';
export type { BallotOptions, Counters } from './ballot.ts';
export { configSchema, readConfig } from './config.ts';
export type { VoteConfig } from './config.ts';
export { errorCodes } from './error-codes.ts';
export { startVote };

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'vote',
  start: startVote,
  exitCodes: {},
};

/** Manifests of the guide, by the way in which the pod gets its identity. */
export const manifests: Readonly<Record<'pod' | 'workload', { readonly secrets: URL; readonly application: URL }>> = {
  pod: manifestsIn('pod-identity'),
  workload: manifestsIn('workload-identity'),
};

function manifestsIn(folder: string): { readonly secrets: URL; readonly application: URL } {
  const at = (name: string): URL => new URL(`../manifests/${folder}/${name}`, import.meta.url);
  return { secrets: at('secrets.yaml'), application: at('azure-vote.yaml') };
}
