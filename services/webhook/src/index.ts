import type { ExitCodes, StartService } from '@holdfast/process';

import { serveWebhook, startWebhook } from './main.ts';

export { buildApp } from './app.ts';
export { configSchema, readConfig } from './config.ts';
export type { MutationName, WebhookConfig } from './config.ts';
export type { WebhookContext } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { createEvents } from './events.ts';
export type { Events } from './events.ts';
export { serveWebhook, startWebhook };
export type { WebhookCluster } from './main.ts';

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'webhook',
  start: startWebhook,
  exitCodes: {},
};
