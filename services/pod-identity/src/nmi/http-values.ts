/** A request as it came over the wire. */
export interface NmiRequest {
  readonly method: string;
  /** Path and query, not decoded. */
  readonly target: string;
  /** Names and values in turn, repeated headers included. */
  readonly rawHeaders: readonly string[];
  /** `ip:port`; empty when it is not known. */
  readonly remote: string;
  readonly body: Uint8Array | undefined;
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal;
}

/** An answer, complete. */
export interface NmiAnswer {
  readonly status: number;
  /** Names in turn with their values. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array;
}

/** A plain-text answer as Go's `http.Error` writes it. */
export function textAnswer(status: number, text: string): NmiAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` };
}

/** The first value of a header; later ones of the same name do not count. */
export function firstHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) return rawHeaders[index + 1];
  }
  return undefined;
}

/** The query of a target, parsed. */
export function queryOf(target: string): URLSearchParams {
  const begin = target.indexOf('?');
  return new URLSearchParams(begin < 0 ? '' : target.slice(begin + 1));
}

const IPV4 = /^(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

/** The address before the first colon; undefined for anything that is no IPv4 address. */
export function remoteAddress(remote: string): string | undefined {
  const [address = ''] = remote.split(':', 1);
  return IPV4.test(address) ? address : undefined;
}
