import type { ClusterObject } from './objects.ts';

/** What the node side does for the API server: whoever plays the kubelet implements it. */
export interface PodBackend {
  /**
   * The log of one container as it was written. With `follow` it goes on until the container ends or the signal aborts.
   * Throws a `StatusError` when there is nothing to show, such as the previous run of a container that never restarted.
   */
  logs(pod: ClusterObject, options: PodLogOptions): AsyncIterable<Uint8Array>;
  /** One HTTP request to a port of a pod. Throws a `StatusError` when nobody listens. */
  proxy(pod: ClusterObject, port: number, request: ProxyRequest): Promise<ProxyAnswer>;
}

export interface PodLogOptions {
  readonly container: string;
  readonly follow: boolean;
  /** The run of the container before this one. */
  readonly previous: boolean;
  /** Only so many lines from the end. */
  readonly tailLines: number | undefined;
  readonly timestamps: boolean;
  /** Nothing older than this, in milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly signal: AbortSignal;
}

export interface ProxyRequest {
  readonly method: string;
  /** Path and query, with a slash in front. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly scheme: 'http' | 'https';
  readonly signal: AbortSignal;
}

export interface ProxyAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Who makes a request. */
export interface User {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

/** What a request is about, for authorization. */
export interface RequestAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** A token of a service account that is to be made: `authentication.k8s.io/v1` TokenRequest. */
export interface ServiceAccountTokenRequest {
  readonly serviceAccount: ClusterObject;
  /** Empty for the API server's own audience. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundObject: { readonly kind: string; readonly name: string; readonly uid: string } | undefined;
}

export interface ServiceAccountToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Calls a webhook: POST of JSON over https. Throws when there is no answer in time. */
export type CallWebhook = (request: {
  readonly url: string;
  /** PEM; empty means the authorities the process trusts. */
  readonly ca: string;
  /** Name that the certificate is to carry, when it is not the host of the URL. */
  readonly serverName: string | undefined;
  readonly body: string;
  readonly timeoutMs: number;
}) => Promise<{ readonly status: number; readonly body: string }>;
