import { MalformedError } from '@holdfast/base';
import { z } from 'zod';

import { readIfPresent } from '../home/read-if-present.ts';

const schema = z.object({
  guest: z.object({ debug: z.boolean().default(false) }).prefault({}),
  platformVariables: z.record(z.string().regex(/^[^=\0]+$/), z.string()).default({}),
});

/** How a virtual node behaves: its guests, and the variables that its platform gives to every container. */
export type NodeSettings = z.output<typeof schema>;

/**
 * Reads `virtual-node.json` of a home folder; the defaults when there is none.
 * @throws MalformedError NODE_SETTINGS_INVALID
 */
export async function readNodeSettings(file: string): Promise<NodeSettings> {
  const text = await readIfPresent(file);
  try {
    return schema.parse(text === undefined ? {} : JSON.parse(text));
  } catch (cause) {
    throw new MalformedError('NODE_SETTINGS_INVALID', `the virtual node's settings ${file} cannot be used`, {
      cause,
      details: { file },
      action: 'Write {"guest":{"debug":false},"platformVariables":{}} into it, or delete it.',
    });
  }
}
