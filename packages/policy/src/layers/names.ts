import { invalidName } from './layer-errors.ts';

/** Names travel as texts with one character per byte, so that comparing them compares bytes. */
const MAXIMUM_COMPONENT = 255;

/**
 * The components of a name in an ext4 image: seen from the root, so that `..` never leaves it. Empty for the root itself.
 * @throws MalformedError LAYER_NAME_INVALID
 */
export function componentsFromRoot(name: string): string[] {
  const components: string[] = [];
  for (const component of name.split('/')) {
    if (component === '' || component === '.') continue;
    if (component === '..') components.pop();
    else components.push(component);
  }
  if (components.some((component) => component.length > MAXIMUM_COMPONENT)) throw invalidName(name);
  return components;
}

/** The components of a name in a tarfs index, or undefined when `..` leaves the root: the index skips such entries. */
export function componentsInside(name: string): string[] | undefined {
  const components: string[] = [];
  for (const component of name.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') components.push(component);
    else if (components.pop() === undefined) return undefined;
  }
  return components;
}

export function compareNames(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
