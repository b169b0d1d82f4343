import { MalformedError } from '@holdfast/base';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** Members in the order they appeared; of a repeated name the last value counts. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Called for every member, innermost first, with the member's own text where the runtime knows it; answers the value to keep. */
export type JsonReviver = (name: string, value: JsonValue, context?: { readonly source?: string }) => JsonValue;

const MAX_DEPTH = 1_000;
const MAX_NUMBER_LENGTH = 1_000;
const MAX_NAME_LENGTH = 50_000;

/** No text up to this length can break one of the limits above. */
const SMALL_TEXT = 1_000;

/**
 * Reads JSON as the UID2 operator reference does: C-style and `//` comments count as white space, anything but white
 * space after the value is refused, the last of several equal names wins; nesting deeper than 1000, numbers longer than
 * 1000 characters and names longer than 50,000 are refused.
 * @throws MalformedError JSON_INVALID
 */
export function parseLenientJson(text: string, reviver?: JsonReviver): JsonValue {
  const value = parseText(text, reviver);
  if (text.length > SMALL_TEXT) checkLimits(value, text);
  return value;
}

/**
 * Like `parseLenientJson`, for texts that must hold an object.
 * @throws MalformedError JSON_INVALID also for arrays and scalars
 */
export function parseJsonObject(text: string): JsonObject {
  const value = parseLenientJson(text);
  if (!isJsonObject(value)) throw new MalformedError('JSON_INVALID', 'the JSON value is not an object');
  return value;
}

/** Whether `value` is a JSON object: neither array, scalar nor null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The member `name` as text, as the UID2 operator reference reads strings: numbers and booleans become their text, arrays
 * and objects their JSON text. Undefined when the member is missing or null.
 */
export function textMember(object: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function parseText(text: string, reviver: JsonReviver | undefined): JsonValue {
  try {
    return JSON.parse(text, reviver) as JsonValue;
  } catch (cause) {
    // Comments are rare, so only a text that is not plain JSON is looked through for them.
    const withoutComments = blankComments(text);
    if (withoutComments === text) throw invalid('not valid JSON', cause);
    try {
      return JSON.parse(withoutComments, reviver) as JsonValue;
    } catch (second) {
      throw invalid('not valid JSON', second);
    }
  }
}

/** The text with every comment outside strings replaced by one space. An unfinished block comment is left, so parsing fails. */
function blankComments(text: string): string {
  const kept: string[] = [];
  let start = 0;
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
    } else if (character === '/' && (text[at + 1] === '/' || text[at + 1] === '*')) {
      const end = text[at + 1] === '/' ? endOfLine(text, at + 2) : endOfBlock(text, at + 2);
      if (end === undefined) break;
      kept.push(text.slice(start, at));
      start = end;
      at = end;
    } else {
      at++;
    }
  }
  if (kept.length === 0) return text;
  kept.push(text.slice(start));
  return kept.join(' ');
}

function endOfString(text: string, openingQuote: number): number {
  for (let at = openingQuote + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function endOfLine(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\n' || text[at] === '\r') return at;
  }
  return text.length;
}

function endOfBlock(text: string, from: number): number | undefined {
  const at = text.indexOf('*/', from);
  return at < 0 ? undefined : at + 2;
}

/** A run of digits that a number of more than 1000 characters must hold: integer, fraction and exponent are three runs. */
const LONG_DIGITS = /[0-9]{330}/;
const LONG_NUMBER = new RegExp(`[-+.0-9eE]{${MAX_NUMBER_LENGTH + 1}}`);
const STRINGS = /"(?:[^"\\]|\\.)*"/gs;

function checkLimits(value: JsonValue, text: string): void {
  const numbers = checkShape(value, 1);
  // The expensive look at the text is for those few texts that hold a number at all and a run of digits that long.
  if (numbers && LONG_DIGITS.test(text) && LONG_NUMBER.test(text.replaceAll(STRINGS, '""'))) {
    throw invalid(`a number has more than ${MAX_NUMBER_LENGTH} characters`);
  }
}

/** Checks depth and name lengths; answers whether any number occurs. */
function checkShape(value: JsonValue, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'number';
  if (depth > MAX_DEPTH) throw invalid(`nested deeper than ${MAX_DEPTH}`);
  let numbers = false;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) {
      if (typeof item === 'string') continue;
      if (checkShape(item, depth + 1)) numbers = true;
    }
    return numbers;
  }
  const object = value as JsonObject;
  for (const name of Object.keys(object)) {
    if (name.length > MAX_NAME_LENGTH) throw invalid(`a name has more than ${MAX_NAME_LENGTH} characters`);
    const member = object[name];
    if (member !== undefined && checkShape(member, depth + 1)) numbers = true;
  }
  return numbers;
}

function invalid(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('JSON_INVALID', problem, cause === undefined ? {} : { cause });
}
