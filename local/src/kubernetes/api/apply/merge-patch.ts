import { cloneJson, isMap } from '../objects.ts';

/** Applies a JSON merge patch to a copy of the document. @see RFC 7396 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return cloneJson(patch);
  const merged: Record<string, unknown> = isMap(document) ? cloneJson(document) : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else {
      const member = applyMergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, value);
      Object.defineProperty(merged, name, { value: member, enumerable: true, writable: true, configurable: true });
    }
  }
  return merged;
}
