import { isMap } from '../objects.ts';

/** Reads the simple JSON paths of printer columns: `.spec.type`, `.metadata['labels'].app`, `.status.list[0].name`. */
export function jsonPathReader(path: string): (object: unknown) => unknown {
  const steps: (string | number)[] = [];
  const pattern = /\.([\w$-]+(?:\\\.[\w$-]+)*)|\[(\d+)\]|\['([^']*)'\]|\[\?\(@\.(\w+)==["']([^"']*)["']\)\]/gy;
  const filters = new Map<number, readonly [string, string]>();
  const text = path.startsWith('.') || path.startsWith('[') ? path : `.${path}`;
  let at = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [whole, member, index, quoted, filterName, filterValue] = match;
    at += whole.length;
    if (filterName !== undefined) {
      filters.set(steps.length, [filterName, filterValue ?? '']);
      steps.push('');
    } else if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted ?? (member ?? '').replaceAll('\\.', '.'));
  }
  if (at !== text.length) return () => undefined;
  return (object) => {
    let value = object;
    for (const [position, step] of steps.entries()) {
      const filter = filters.get(position);
      if (filter !== undefined) {
        value = Array.isArray(value) ? value.find((one) => isMap(one) && one[filter[0]] === filter[1]) : undefined;
      } else if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
      else value = isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined;
    }
    return value;
  };
}
