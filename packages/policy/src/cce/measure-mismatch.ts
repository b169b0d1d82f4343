import { type LiteralValue, readLiteralPolicy } from '../rego-literals/index.ts';
import { measureCceText } from './measure.ts';
import { pythonJson } from './python-json.ts';

/** Why a policy does not measure as expected. */
export interface MeasurementMismatch {
  readonly code: 'MEASURE-MISMATCH';
  readonly expected: string;
  readonly found: string;
  /** What, done to the text, gives the expected measurement; undefined when nothing known explains it. */
  readonly explanation: readonly string[] | undefined;
  readonly message: string;
}

interface Variant {
  readonly text: string;
  /** What was done to the text so far. */
  readonly steps: readonly string[];
}

type Step = (text: string) => readonly (readonly [string, string])[];

const BOM = '\uFEFF';

/** Longer texts are not tried in every variant: no platform carries them. */
const MAX_EXPLAINED = 1024 * 1024;

const steps: readonly Step[] = [
  (text) => [
    text.startsWith(BOM) ? ['without the byte order mark', text.slice(1)] : ['with a byte order mark', BOM + text],
  ],
  (text) => containersForms(text),
  (text) => {
    const body = withoutFinalLines(text);
    const endings = ['', '\n', '\n\n', '\n\n\n'].filter((ending) => body + ending !== text);
    return endings.map((ending) => [`with ${ending.length} line feeds at the end`, body + ending] as const);
  },
  (text) => [
    text.includes('\r\n')
      ? ['with LF line ends', text.replaceAll('\r\n', '\n')]
      : ['with CRLF line ends', text.replaceAll('\n', '\r\n')],
  ],
];

/**
 * Compares a policy's measurement with an expected one (64 hex characters, any case) and tries what usually goes wrong:
 * line feeds at the end, `containers` pretty-printed or compact, line ends, a byte order mark. Undefined when they are
 * equal.
 */
export function explainMeasurement(text: string, expected: string): MeasurementMismatch | undefined {
  const wanted = expected.trim().toLowerCase();
  const found = measureCceText(text).sha256;
  if (found === wanted) return undefined;
  const variants = text.length > MAX_EXPLAINED ? [] : variantsOf(text);
  const explanation = variants.find((variant) => measureCceText(variant.text).sha256 === wanted)?.steps;
  const why =
    explanation === undefined
      ? 'nothing usual explains it: it is another policy'
      : `the expected one is of the text ${explanation.join(', ')}`;
  return {
    code: 'MEASURE-MISMATCH',
    expected: wanted,
    found,
    explanation,
    message: `the policy measures ${found}, not ${wanted}; ${why}`,
  };
}

function withoutFinalLines(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end -= 1;
  return text.slice(0, end);
}

/** The text changed in every combination of the steps, fewest changes first. */
function variantsOf(text: string): Variant[] {
  let variants: Variant[] = [{ text, steps: [] }];
  for (const step of steps) {
    variants = variants.flatMap((variant) => [
      variant,
      ...step(variant.text).map(([name, changed]) => ({ text: changed, steps: [...variant.steps, name] })),
    ]);
  }
  return variants.toSorted((a, b) => a.steps.length - b.steps.length);
}

/** The text with `containers` in the form it does not have: compact, or pretty-printed. */
function containersForms(text: string): (readonly [string, string])[] {
  const containers = containersOf(text);
  if (containers === undefined) return [];
  const compact = `\ncontainers := ${pythonJson(containers)}`;
  const pretty = `\ncontainers := ${pythonJson(containers, { pretty: true })}`;
  if (compact === pretty) return [];
  if (text.includes(compact)) return [['with containers pretty-printed', text.replace(compact, () => pretty)]];
  return text.includes(pretty) ? [['with containers on one line', text.replace(pretty, () => compact)]] : [];
}

function containersOf(text: string): LiteralValue | undefined {
  try {
    return readLiteralPolicy(text.startsWith(BOM) ? text.slice(1) : text).assignments.get('containers');
  } catch {
    // A text that cannot be read has no other form; its measurement was answered already.
    return undefined;
  }
}
