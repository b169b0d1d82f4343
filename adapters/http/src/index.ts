export { HttpClient } from './client.ts';
export type { HttpAnswer, HttpRequest } from './client.ts';
export { errorCodes } from './error-codes.ts';
export { buildMetricsApp, createMetricsRegistry } from './metrics.ts';
export * from './serving.ts';
