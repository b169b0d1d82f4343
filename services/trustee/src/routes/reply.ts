/** An answer before it is written. */
export interface KbsReply {
  readonly contentType?: string;
  readonly body: string | Uint8Array;
  readonly cookie?: string;
}

export function emptyReply(contentType?: string): KbsReply {
  return contentType === undefined ? { body: '' } : { body: '', contentType };
}

export function jsonReply(body: string, cookie?: string): KbsReply {
  return { body, contentType: 'application/json', ...(cookie === undefined ? {} : { cookie }) };
}
