import type { ExitCodes, StartService } from '@holdfast/process';

import { startTrustee } from './main.ts';

export { buildApp } from './app.ts';
export { parseConfig, readConfig } from './config.ts';
export { configSchema } from './config-schema.ts';
export type { TrusteeConfig } from './config-schema.ts';
export type { TrusteeContext } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { openContext } from './open-context.ts';
export type { OpenContextOptions } from './open-context.ts';
export { defaultAttestationPolicies } from './policies/attestation-policies.ts';
export { buildAttestationApp } from './routes/attestation-api.ts';
export {
  affirmingResourcePolicy,
  allowAllResourcePolicy,
  defaultResourcePolicy,
  denyAllResourcePolicy,
} from './policies/resource-policies.ts';
export { startTrustee };

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'trustee',
  start: startTrustee,
  exitCodes: {},
};
