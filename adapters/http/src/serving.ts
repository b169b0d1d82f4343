/** What an application needs to answer requests, without the client: that loads a hundred modules more. */
export { createApp } from './app.ts';
export type { AppOptions } from './app.ts';
export { bearerKey } from './bearer-key.ts';
export { refuseFormsOnGet } from './form-refusal.ts';
export { claimPort, listen } from './listen.ts';
export type { ListenAddress } from './listen.ts';
export { useReferenceCors } from './reference-cors.ts';
export type { CorsHeaders } from './reference-cors.ts';
export { sendReason, useReferenceFallbacks } from './reference-fallbacks.ts';
export { sendUntyped } from './untyped-reply.ts';
