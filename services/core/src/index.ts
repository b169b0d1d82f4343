import type { ExitCodes, StartService } from '@holdfast/process';

import { startCore } from './main.ts';

export { buildApp } from './app.ts';
export { AZURE_CC, createAzureCcVerifier } from './attestation/azure-cc.ts';
export type { AzureCcOptions, AzureCcPolicy, MinimumTcb } from './attestation/azure-cc.ts';
export { EXPLANATIONS, refuse } from './attestation/verifier.ts';
export type { Acceptance, EvidenceVerifier, FailureClass, Refusal, Verdict } from './attestation/verifier.ts';
export { loadCoreConfig } from './config.ts';
export type { CoreConfig } from './config.ts';
export { createContext } from './context.ts';
export type { CoreContext, CoreDependencies } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { startCore } from './main.ts';

/** What `holdfast serve core` runs. */
export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'core',
  start: startCore,
  exitCodes: {},
};
