/**
 * The key of an `Authorization: Bearer …` header as the UID2 reference reads it: the value is trimmed, the seven
 * characters `bearer ` are compared without case, and what follows is taken as it stands. Undefined when there is none.
 */
export function bearerKey(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const value = authorization.trim();
  return value.slice(0, 7).toLowerCase() === 'bearer ' ? value.slice(7) : undefined;
}
