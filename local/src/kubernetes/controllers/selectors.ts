import type { LabelSelector, SelectorRequirement, StringMap } from './objects.ts';

/** Whether labels satisfy a selector; an empty selector takes everything, a missing one nothing. */
export function selects(selector: LabelSelector | undefined, labels: StringMap = {}): boolean {
  if (selector === undefined) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return hasLabels(labels, matchLabels) && matchExpressions.every((requirement) => meets(requirement, labels));
}

/** Whether all of `wanted` are among `labels`. */
export function hasLabels(labels: StringMap, wanted: StringMap): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** One requirement of a selector of pods or nodes. */
export function meets({ key, operator, values = [] }: SelectorRequirement, labels: StringMap): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    case 'Lt':
      return Number(value) < Number(values[0]);
    default:
      return false;
  }
}
