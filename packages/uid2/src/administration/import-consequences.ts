import { count } from './wording.ts';
import type { WorldRecords } from './world.ts';

/** Who is cut off when `after` replaces `before`, one sentence each. */
export function importConsequences(before: WorldRecords, after: WorldRecords): readonly string[] {
  const consequences: string[] = [];
  const clients = lostHolders(before.clients, after.clients);
  if (clients.length > 0) {
    consequences.push(
      `${count(clients.length, 'active client key')} of this world would no longer work: ${clients.join(', ')}.`,
    );
  }
  const operators = lostHolders(before.operators, after.operators);
  if (operators.length > 0) {
    consequences.push(
      `${count(operators.length, 'active operator key')} of this world would no longer work: ${operators.join(', ')}.`,
    );
  }
  const secrets = new Map(after.keysetKeys.map(({ id, secret }) => [id, secret]));
  const keys = before.keysetKeys.filter(({ id, secret }) => secrets.get(id)?.equals(secret) !== true);
  if (keys.length > 0) {
    consequences.push(`Tokens made with ${count(keys.length, 'key')} of this world could no longer be read.`);
  }
  const enclaves = before.enclaves.filter(
    ({ protocol, identifier }) =>
      !after.enclaves.some((other) => other.protocol === protocol && other.identifier === identifier),
  );
  if (enclaves.length > 0) {
    consequences.push(
      `Operators that measure as ${enclaves.map(({ name }) => name).join(', ')} are refused at their next attestation.`,
    );
  }
  return consequences;
}

function lostHolders(
  before: readonly { readonly keyHash: string; readonly keyId: string; readonly disabled: boolean }[],
  after: readonly { readonly keyHash: string; readonly disabled: boolean }[],
): readonly string[] {
  const active = new Set(after.filter(({ disabled }) => !disabled).map(({ keyHash }) => keyHash));
  return before.filter(({ keyHash, disabled }) => !disabled && !active.has(keyHash)).map(({ keyId }) => keyId);
}
