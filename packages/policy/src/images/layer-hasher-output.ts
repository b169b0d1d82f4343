import { MalformedError } from '@holdfast/base';
import { z } from 'zod';

const outputSchema = z.object({ layers: z.array(z.string().regex(/^[0-9a-f]{64}$/)) });
const LINE = /^Layer (\d{1,5}) root hash: ([0-9a-f]{64})$/;
const MAX_LENGTH = 1024 * 1024;

/**
 * Root hashes, base layer first, from what Microsoft's `dmverity-vhd` prints: JSON `{"layers": […]}` from version 2 on, and one
 * line `Layer <n> root hash: <hex>` per layer before. For comparing that tool's hashes with ours.
 * @throws MalformedError IMAGE_FACTS_MALFORMED
 */
export function parseLayerHasherOutput(text: string): readonly string[] {
  if (text.length > MAX_LENGTH) throw malformed('it is too long');
  return text.trimStart().startsWith('{') ? fromJson(text) : fromLines(text);
}

function fromJson(text: string): readonly string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw malformed('it is not JSON', cause);
  }
  const parsed = outputSchema.safeParse(json);
  if (!parsed.success) throw malformed('it has no layers with root hashes of 64 hexadecimal characters');
  return parsed.data.layers;
}

/** Other lines report progress. The numbers have to be complete: a missing one would shift all later layers. */
function fromLines(text: string): readonly string[] {
  const found = text.split('\n').flatMap((line) => {
    const [, number, rootHash] = LINE.exec(line.trim()) ?? [];
    return number === undefined || rootHash === undefined ? [] : [{ number: Number(number), rootHash }];
  });
  const layers = found.toSorted((a, b) => a.number - b.number);
  if (layers.length === 0 || layers.some(({ number }, position) => number !== position)) {
    throw malformed('it does not have one root hash for each layer from 0 on');
  }
  return layers.map(({ rootHash }) => rootHash);
}

function malformed(problem: string, cause?: unknown): MalformedError {
  const message = `the output of the layer hasher cannot be used: ${problem}`;
  return new MalformedError('IMAGE_FACTS_MALFORMED', message, cause === undefined ? {} : { cause });
}
