import { PlatformError } from '@holdfast/base';
import { sendReason } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { ObjectStore } from './object-store.ts';

const PREFIX = '/objects/';

/**
 * Adds `GET /objects/*`: the object a link of `store.presign` names, streamed with its length. 403 when the link is not
 * valid, has expired, or its path is none; 404 when the object is gone. No other credential is read. Adds nothing for a
 * store whose links lead elsewhere.
 */
export function useSignedLinks(app: FastifyInstance, store: ObjectStore): void {
  if (store.verifyLink === undefined) return;
  const verifyLink = store.verifyLink.bind(store);
  app.get(`${PREFIX}*`, async (request, reply) => {
    // The router has decoded and tidied its own copy of the path; what was signed is the path as it was sent.
    const [rawPath, rawQuery] = splitOnce(request.raw.url ?? '', '?');
    try {
      const path = decodePath(rawPath);
      verifyLink(path, new URLSearchParams(rawQuery));
      const object = await store.readStream(path);
      return await reply
        .header('Content-Type', 'application/octet-stream')
        .header('Content-Length', object.sizeBytes)
        .header('X-Content-Type-Options', 'nosniff')
        .send(object.stream);
    } catch (error) {
      const status = statusOf(error);
      if (status === undefined) throw error;
      return sendReason(reply, status);
    }
  });
}

/** Object path of a request path; each segment is decoded by itself, so an encoded slash cannot make a new segment. */
function decodePath(rawPath: string): string {
  if (!rawPath.startsWith(PREFIX)) return '';
  const segments = rawPath.slice(PREFIX.length).split('/');
  try {
    const decoded = segments.map(decodeURIComponent);
    return decoded.some((segment) => segment.includes('/')) ? '' : decoded.join('/');
  } catch {
    return ''; // broken percent-encoding: no object path, and the empty text is refused as such
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof PlatformError)) return undefined;
  switch (error.code) {
    case 'LINK_INVALID':
    case 'LINK_EXPIRED':
    case 'OBJECT_PATH_INVALID':
      return 403;
    case 'OBJECT_NOT_FOUND':
      return 404;
    default:
      return undefined;
  }
}
