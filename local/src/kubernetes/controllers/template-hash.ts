import { createHash } from 'node:crypto';

import { equalJson } from '../api/objects.ts';
import type { PodTemplateObject } from './objects.ts';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';

/** The letters of generated names: no vowels, so no words. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const LENGTH = 10;

/** A short name for what a pod template says, the same for the same template. */
export function templateHash(template: PodTemplateObject): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(ordered(template)))
    .digest();
  return [...digest.subarray(0, LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

/** Whether two templates ask for the same pods; the label with the hash is not counted. */
export function sameTemplate(a: PodTemplateObject, b: PodTemplateObject): boolean {
  return equalJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateObject): PodTemplateObject {
  const labels = Object.entries(template.metadata?.labels ?? {}).filter(([name]) => name !== TEMPLATE_HASH_LABEL);
  return { ...template, metadata: { ...template.metadata, labels: Object.fromEntries(labels) } };
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, ordered(member)]));
}
