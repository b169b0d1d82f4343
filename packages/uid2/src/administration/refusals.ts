import { RequestError } from '@holdfast/base';

/** The error for a record that does not exist. `list` is the command that shows those that do. */
export function unknownRecord(kind: string, name: string | number, list: string): RequestError {
  return new RequestError('ADMIN_RECORD_UNKNOWN', `there is no ${kind} ${name}`, {
    details: { kind, name },
    action: `Run \`holdfast uid2 ${list} list\` to see those there are.`,
  });
}

export function existingRecord(kind: string, problem: string): RequestError {
  return new RequestError('ADMIN_RECORD_EXISTS', problem, {
    details: { kind },
    action: 'Choose another name, or change the existing record.',
  });
}

export function invalidValue(field: string, problem: string, action: string): RequestError {
  return new RequestError('ADMIN_VALUE_INVALID', problem, { details: { field }, action });
}

/** The one record among `found`, which all answer to `name`. */
export function onlyRecord<T>(
  kind: string,
  name: string,
  found: readonly T[],
  describe: (record: T) => string,
  list: string,
): T {
  const [record] = found;
  if (record === undefined) throw unknownRecord(kind, name, list);
  if (found.length === 1) return record;
  throw new RequestError('ADMIN_RECORD_AMBIGUOUS', `${found.length} ${kind}s answer to ${name}`, {
    details: { kind, name, candidates: found.map(describe) },
    action: `Name one of them by its id: ${found.map(describe).join(', ')}.`,
  });
}

/** `text` without surrounding blanks, which must leave something. */
export function requireText(field: string, text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') throw invalidValue(field, `the ${field} is blank`, `Give a ${field}.`);
  return trimmed;
}
