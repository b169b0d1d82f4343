import { STATUS_WORDS } from '@holdfast/operator/testing';

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly allow: string | undefined;
  readonly body: string;
}

const NOT_FOUND = '<html><body><h1>Resource not found</h1></body></html>';

/** Why an answer is none that the UID2 operator reference knows; undefined when it is one. */
export function strangeAnswer(method: string, answer: Answer): string | undefined {
  const { status, contentType, allow, body } = answer;
  if (method === 'HEAD') {
    // An answer to HEAD has no body, whatever it is.
    return body === '' && [400, 404, 405, 414].includes(status) ? undefined : 'no refusal without a body';
  }
  switch (status) {
    case 200:
    case 204:
      return undefined;
    case 404:
      return body === NOT_FOUND ? undefined : 'a 404 with another body';
    case 405:
      return body === '' && allow !== undefined ? undefined : 'a 405 with a body, or without Allow';
    case 413:
      return body === 'Request Too Long' ? undefined : 'a 413 with another body';
    case 414:
      return body === '' ? undefined : 'a 414 with a body';
    case 400:
      if (body === 'Bad Request') return undefined;
      break;
    case 500:
      if (body === 'Internal Server Error') return undefined;
      break;
  }
  const words = STATUS_WORDS[status];
  if (words === undefined) return 'a status nothing names';
  if (contentType !== 'application/json') return `JSON as ${contentType}`;
  try {
    const { status: word } = JSON.parse(body) as { status: string };
    return words.includes(word) ? undefined : `the status word ${word}`;
  } catch {
    return 'no JSON';
  }
}

/** What a connection may answer to bytes that are no request: nothing, or refusals only. */
export function strangeReply(text: string): string | undefined {
  if (text === '') return undefined;
  const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
  if (statuses.length === 0) return 'bytes that are no HTTP';
  const known = statuses.every((status) => [100, 400, 401, 404, 405, 408, 413, 414, 417, 431].includes(status));
  return known ? undefined : `statuses ${statuses.join(', ')}`;
}
