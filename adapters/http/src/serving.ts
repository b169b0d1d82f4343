/** What an application needs to answer requests, without the client: that loads a hundred modules more. */
export { createApp } from './app.ts';
export type { AppOptions } from './app.ts';
export { bearerKey } from './bearer-key.ts';
export { ConnectionBalance } from './fast-path/connection-balance.ts';
export { FastPath } from './fast-path/fast-path.ts';
export type { FastPathOptions, PlainHandler } from './fast-path/fast-path.ts';
export type { PlainReply } from './fast-path/plain-reply.ts';
export { PlainRouteRequest } from './fast-path/plain-route-request.ts';
export { refuseFormsOnGet } from './form-refusal.ts';
export { claimPort, listen } from './listen.ts';
export type { ListenAddress } from './listen.ts';
export { dropMalformedContentType } from './media-type.ts';
export { allowOrigin, useReferenceCors } from './reference-cors.ts';
export type { CorsHeaders } from './reference-cors.ts';
export { sendFailure, sendReason, useReferenceFallbacks } from './reference-fallbacks.ts';
export type { RouteReply, RouteRequest } from './route-messages.ts';
export { sendUntyped } from './untyped-reply.ts';
