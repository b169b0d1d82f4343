import type { Bundle } from '../bundle/read-bundle.ts';
import { isObject } from '../bundle/shape.ts';
import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { operatorObjects } from './operator.ts';

/**
 * Fields of a release that are missing in what is applied, as paths. Only the labels and selectors of a release are replaced
 * on purpose: they become those of its slot.
 */
export function droppedFields(bundle: Bundle, config: Uid2Vn2Config): readonly string[] {
  // What is sent is JSON: a value that JSON cannot carry would be lost as well.
  const made = JSON.parse(JSON.stringify(operatorObjects(bundle, config, 'identity'))) as readonly unknown[];
  const ofKind = (kind: string): unknown => made.find((object) => isObject(object) && object['kind'] === kind);
  return [
    ...missing(bundle.deployment, ofKind('Deployment'), 'Deployment'),
    ...missing(bundle.service, ofKind('Service'), 'Service'),
  ];
}

const REPLACED = new Set(['labels', 'matchLabels', 'selector']);

function missing(original: unknown, made: unknown, path: string): readonly string[] {
  if (Array.isArray(original)) {
    const list: readonly unknown[] = Array.isArray(made) ? made : [];
    return original.flatMap((value, index) => missing(value, list[index], `${path}[${index}]`));
  }
  if (!isObject(original)) return made === undefined ? [path] : [];
  if (!isObject(made)) return [path];
  return Object.entries(original).flatMap(([name, value]) => {
    if (REPLACED.has(name)) return [];
    const below = `${path}.${name}`;
    return Object.hasOwn(made, name) ? missing(value, made[name], below) : [below];
  });
}
