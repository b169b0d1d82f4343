import type { DiiKindName, MapFlags } from '../commands/uid2.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connect } from './connection.ts';
import { readInputLines } from './read-input.ts';

/** Entries per request: well under what an operator accepts. */
const BATCH = 5000;

const KINDS = {
  email: 'email',
  'email-hash': 'email_hash',
  phone: 'phone',
  'phone-hash': 'phone_hash',
} as const satisfies Readonly<Record<DiiKindName, string>>;

/** `holdfast uid2 map`: raw UIDs of identities, in order. */
export async function runMap(context: CliContext, flags: MapFlags, ...inputs: string[]): Promise<void> {
  const values = inputs.length > 0 ? inputs : await readInputLines(context.io, 'identities are');
  const client = await connect(flags, context.io);
  try {
    const all = [];
    for (let start = 0; start < values.length; start += BATCH) {
      const mapped = await client.mapIdentities(KINDS[flags.as], values.slice(start, start + BATCH));
      if (flags.json) all.push(...mapped);
      for (const entry of flags.json ? [] : mapped) {
        const result = 'rawUid' in entry ? entry.rawUid : `error: ${entry.error}`;
        context.io.stdout.write(`${entry.input}\t${result}\n`);
      }
    }
    if (flags.json) writeJson(context.io, { version: 1, mapped: all });
  } finally {
    await client.close();
  }
}
