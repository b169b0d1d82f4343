import { isMap, listAt, mapAt, valueAt } from '../objects.ts';
import { badRequest } from '../status.ts';

type Labels = Readonly<Record<string, unknown>>;

const NAME = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const COMPARISON = new RegExp(`^(${NAME})\\s*(==|=|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${NAME})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const PRESENCE = new RegExp(`^(!?)\\s*(${NAME})$`);
const MAX_SELECTOR_LENGTH = 8192;

/** Reads `app=web,tier!=db,env in (a,b),!gone`. Throws BadRequest. */
export function parseLabelSelector(text: string | undefined): (labels: Labels) => boolean {
  if (text === undefined || text.trim() === '') return () => true;
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest('the label selector is too long');
  const rules = splitOutsideParentheses(text).map((part) => labelRule(part.trim()));
  return (labels) => rules.every((rule) => rule(labels));
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text.split(/,(?![^()]*\))/);
}

function labelRule(part: string): (labels: Labels) => boolean {
  const comparison = COMPARISON.exec(part);
  if (comparison !== null) {
    const [, name = '', operator, value] = comparison;
    return operator === '!=' ? (labels) => labels[name] !== value : (labels) => labels[name] === value;
  }
  const set = SET.exec(part);
  if (set !== null) {
    const [, name = '', operator, list = ''] = set;
    const values = new Set<unknown>(list.split(',').map((value) => value.trim()));
    return operator === 'in'
      ? (labels) => labels[name] !== undefined && values.has(labels[name])
      : (labels) => !values.has(labels[name]);
  }
  const presence = PRESENCE.exec(part);
  if (presence === null) throw badRequest(`unable to parse requirement: ${JSON.stringify(part)}`);
  const [, not, name = ''] = presence;
  return not === '!' ? (labels) => labels[name] === undefined : (labels) => labels[name] !== undefined;
}

/** Whether labels fit a `metav1.LabelSelector`; an empty one fits all, a missing one none. */
export function matchesSelector(selector: unknown, labels: Labels): boolean {
  if (!isMap(selector)) return false;
  if (Object.entries(mapAt(selector, 'matchLabels')).some(([name, value]) => labels[name] !== value)) return false;
  return listAt(selector, 'matchExpressions').every((expression) => {
    const key = valueAt(expression, 'key');
    const present = typeof key === 'string' ? labels[key] : undefined;
    const values = listAt(expression, 'values');
    switch (valueAt(expression, 'operator')) {
      case 'In':
        return present !== undefined && values.includes(present);
      case 'NotIn':
        return !values.includes(present);
      case 'Exists':
        return present !== undefined;
      case 'DoesNotExist':
        return present === undefined;
      default:
        return false;
    }
  });
}

/** Reads `metadata.name=web,status.phase!=Running`. A field that is missing counts as empty. Throws BadRequest. */
export function parseFieldSelector(text: string | undefined): (object: unknown) => boolean {
  if (text === undefined || text.trim() === '') return () => true;
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest('the field selector is too long');
  const rules = text.split(',').map((part) => {
    const match = /^\s*([\w.[\]]+)\s*(==|=|!=)(.*)$/.exec(part);
    if (match === null) throw badRequest(`invalid field selector ${JSON.stringify(part)}`);
    const [, field = '', operator, value = ''] = match;
    const path = field.split('.');
    return (object: unknown): boolean => {
      const found = valueAt(object, ...path);
      const shown =
        typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? String(found) : '';
      return (shown === value.trim()) === (operator !== '!=');
    };
  });
  return (object) => rules.every((rule) => rule(object));
}
