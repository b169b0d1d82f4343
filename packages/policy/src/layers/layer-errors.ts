import { Buffer } from 'node:buffer';

import { MalformedError } from '@holdfast/base';

/** Names travel as one character per byte (see tar-names.ts); this is the text for people. */
export function displayName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

export function malformed(problem: string, position?: number): MalformedError {
  const where = position === undefined ? '' : ` (archive position ${position})`;
  return new MalformedError('LAYER_TAR_MALFORMED', `The layer is not a valid tar archive: ${problem}${where}`, {
    action: 'Check that the layer is the uncompressed tar archive, or pull the image again.',
    ...(position === undefined ? {} : { details: { position } }),
  });
}

export function truncated(position: number): MalformedError {
  return new MalformedError(
    'LAYER_TAR_TRUNCATED',
    `The layer ends in the middle of an entry, after ${position} bytes`,
    {
      action: 'Pull the image again: the archive was cut.',
      details: { position },
    },
  );
}

export function limitExceeded(what: string, limit: number): MalformedError {
  return new MalformedError('LAYER_LIMIT_EXCEEDED', `The layer has ${what}; the limit is ${limit}`, {
    action: 'Split the layer, or raise the limit if the layer is trusted.',
    details: { limit },
  });
}

export function invalidName(name: string): MalformedError {
  const shown = displayName(name);
  return new MalformedError('LAYER_NAME_INVALID', `${shown}: a component of the name has more than 255 bytes`, {
    action: 'Rename the file in the image.',
  });
}

export function conflict(name: string, problem: string): MalformedError {
  return new MalformedError('LAYER_ENTRY_CONFLICT', `${displayName(name)}: ${problem}`, {
    action: 'Build the image so that each layer carries each file once.',
    details: { name: displayName(name) },
  });
}
