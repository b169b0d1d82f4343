import type { ConnectionFlags } from '../commands/uid2.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { connect } from './connection.ts';
import { readInputLines } from './read-input.ts';

/** `holdfast uid2 decrypt`: what a token holds. */
export async function runDecrypt(context: CliContext, flags: ConnectionFlags, argument?: string): Promise<void> {
  const text = argument ?? (await readInputLines(context.io, 'a token is'))[0] ?? '';
  const client = await connect(flags, context.io);
  try {
    const token = (await client.fetchKeys()).decrypt(text, Date.now());
    if (flags.json) {
      writeJson(context.io, { version: 1, token });
      return;
    }
    const rows: readonly (readonly [string, string])[] = [
      ['raw UID', token.rawUid],
      ['identity', `${token.identityScope} ${token.identityType}`],
      ['site', String(token.siteId)],
      ['version', String(token.tokenVersion)],
      ['established', new Date(token.establishedMs).toISOString()],
      ['created', new Date(token.createdMs).toISOString()],
      ['expires', new Date(token.expiresMs).toISOString()],
    ];
    for (const [name, value] of rows) context.io.stdout.write(`${name.padEnd(12)}${value}\n`);
  } finally {
    await client.close();
  }
}
