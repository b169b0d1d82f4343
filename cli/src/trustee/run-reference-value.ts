import { fromUtf8, RequestError, toBase64, toUtf8 } from '@holdfast/base';
import { parseReferenceValues } from '@holdfast/initdata';

import type { BrokerFlags, SetReferenceFlags } from '../commands/trustee.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readInput, withBroker } from './broker-connection.ts';
import type { BrokerConnection } from './broker-connection.ts';

/** `holdfast trustee reference-value set NAME VALUE…` */
export async function runSetReference(
  { io }: CliContext,
  flags: SetReferenceFlags,
  name: string,
  ...texts: string[]
): Promise<void> {
  const values = texts.map((text) => typedValue(text, flags));
  if (flags.asSingleValue && values.length !== 1) {
    throw new RequestError('TRUSTEE_REFERENCE_INVALID', '--as-single-value takes exactly one value');
  }
  const value = flags.asSingleValue ? values[0] : values;
  await withBroker(flags, io, (broker) => register(broker, { [name]: value }));
  if (flags.json) writeJson(io, { version: 1, name, value });
  else io.stderr.write(`${name} is registered\n`);
}

/** `holdfast trustee reference-value import FILE` */
export async function runImportReferences({ io }: CliContext, flags: BrokerFlags, file: string): Promise<void> {
  const values = parseReferenceValues(fromUtf8(await readInput(io, file)));
  const message = Object.fromEntries(values.map(({ name, value }) => [name, value]));
  await withBroker(flags, io, (broker) => register(broker, message));
  if (flags.json) writeJson(io, { version: 1, names: Object.keys(message) });
  else io.stderr.write(`registered ${Object.keys(message).join(', ')}\n`);
}

/** `holdfast trustee reference-value get NAME` */
export async function runGetReference({ io }: CliContext, flags: BrokerFlags, name: string): Promise<void> {
  const text = await withBroker(flags, io, (broker) => broker.send('GET', `reference-value/${name}`));
  if (flags.json) writeJson(io, { version: 1, name, value: JSON.parse(text) as unknown });
  else io.stdout.write(`${text}\n`);
}

/** `holdfast trustee reference-value list` */
export async function runListReferences({ io }: CliContext, flags: BrokerFlags): Promise<void> {
  const names = JSON.parse(await withBroker(flags, io, (broker) => broker.send('GET', 'reference-value'))) as string[];
  if (flags.json) writeJson(io, { version: 1, names });
  else for (const name of names) io.stdout.write(`${name}\n`);
}

/** `holdfast trustee reference-value delete NAME` */
export async function runDeleteReference({ io }: CliContext, flags: BrokerFlags, name: string): Promise<void> {
  await withBroker(flags, io, (broker) => broker.send('DELETE', `reference-value/${name}`));
  if (flags.json) writeJson(io, { version: 1, name, removed: true });
  else io.stderr.write(`removed ${name}\n`);
}

function register(broker: BrokerConnection, values: Readonly<Record<string, unknown>>): Promise<string> {
  const payload = toBase64(toUtf8(JSON.stringify(values)));
  return broker.send('POST', 'reference-value', JSON.stringify({ version: '0.1.0', type: 'sample', payload }));
}

function typedValue(text: string, { asInteger, asBool }: SetReferenceFlags): string | number | boolean {
  if (asInteger) {
    if (!/^-?\d{1,15}$/.test(text)) throw new RequestError('TRUSTEE_REFERENCE_INVALID', `"${text}" is no integer`);
    return Number(text);
  }
  if (!asBool) return text;
  if (text !== 'true' && text !== 'false') {
    throw new RequestError('TRUSTEE_REFERENCE_INVALID', `"${text}" is neither true nor false`);
  }
  return text === 'true';
}
