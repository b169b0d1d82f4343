import { fromBase64, MalformedError, toBase64 } from '@holdfast/base';

/**
 * The contents of PEM blocks with one label (RFC 7468). Lines may end in LF or CRLF; nothing but white space may stand
 * between blocks, so that no part of a bundle goes unread.
 * @throws MalformedError X509_PEM_MALFORMED
 */
export function readPem(text: string, label: string): readonly Uint8Array[] {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Uint8Array[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const stop = rest.indexOf(end);
    if (!rest.startsWith(begin) || stop < 0) throw malformed(`no ${label} block where one is due`);
    const body = rest.slice(begin.length, stop).replace(/[\r\n]/g, '');
    try {
      blocks.push(fromBase64(body));
    } catch (cause) {
      throw malformed(`a ${label} block is not Base64`, cause);
    }
    rest = rest.slice(stop + end.length).trimStart();
  }
  if (blocks.length === 0) throw malformed('no PEM block');
  return blocks;
}

/** One PEM block, 64 columns, LF, ending with a newline. */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('X509_PEM_MALFORMED', `not PEM text: ${problem}`, { cause });
}
