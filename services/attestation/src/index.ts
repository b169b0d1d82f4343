import type { ExitCodes, StartService } from '@holdfast/process';

import { startAttestation } from './main.ts';

export { buildApp } from './app.ts';
export { configSchema } from './config.ts';
export type { AttestationConfig } from './config.ts';
export type { AppraisalSettings, AttestationContext, Instance } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { createEvents } from './events.ts';
export type { Events } from './events.ts';
export { createAdministrators } from './management/administrators.ts';
export type { Administrators, AdministratorsOptions } from './management/administrators.ts';
export { openManagementStore } from './management/management-store.ts';
export type { ManagementStore } from './management/management-store.ts';
export type { Management } from './management/management.ts';
export { createSigningKeyRotation } from './signing-key-rotation.ts';
export type { SigningKeyRotation } from './signing-key-rotation.ts';
export { createSigningKey } from './signing-key.ts';
export type { SigningKey } from './signing-key.ts';
export { loadTrust } from './trust.ts';
export type { LoadedTrust, Trust } from './trust.ts';
export { startAttestation };

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'attestation',
  start: startAttestation,
  exitCodes: {},
};
