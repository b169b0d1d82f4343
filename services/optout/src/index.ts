import type { ExitCodes, StartService } from '@holdfast/process';

import { startOptOut } from './main.ts';

export { buildApp, buildProducerApp } from './app.ts';
export { loadOptOutConfig } from './config.ts';
export type { OptOutConfig } from './config.ts';
export { createContext } from './context.ts';
export type { OptOutContext, OptOutDependencies } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { startOptOut } from './main.ts';

/** What `holdfast serve optout` runs. */
export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'optout',
  start: startOptOut,
  exitCodes: {},
};
