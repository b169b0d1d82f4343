import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';

import { errorMessage, fromBase64, RequestError, Secret } from '@holdfast/base';
import type { DiiKind } from '@holdfast/uid2';

import { DII_KINDS } from './identities.ts';
import type { Credentials, LoadPlan, LoadSettings, Target } from './load-plan.ts';
import { SCENARIOS } from './scenarios/scenario.ts';
import type { ScenarioName } from './scenarios/scenario.ts';

export const MICRO_BENCHMARKS = [
  'identity-map',
  'token-pair',
  'envelope',
  'salt-file',
  'evidence',
  'layer-hash',
  'policy-image',
  'kbs-handshake',
  'admission',
] as const;
export type MicroBenchmark = (typeof MICRO_BENCHMARKS)[number];

export type Invocation =
  | { readonly command: 'help' }
  | { readonly command: 'operator'; readonly plan: LoadPlan; readonly beside: LoadPlan | undefined }
  | { readonly command: 'compare'; readonly plans: readonly [LoadPlan, LoadPlan]; readonly rounds: number }
  | { readonly command: 'micro'; readonly benchmarks: readonly MicroBenchmark[]; readonly rounds: number };

export const USAGE = `npm run -s bench -- operator --url URL --scenario NAME [options]
npm run -s bench -- compare --url FIRST --url SECOND --scenario NAME [--rounds 5] [options]
npm run -s bench -- micro [${MICRO_BENCHMARKS.join('] [')}] [--rounds 15]

Scenarios: ${SCENARIOS.join(', ')}.
  --api-key K, --secret S   credentials; better as UID2_API_KEY and UID2_CLIENT_SECRET in the environment,
                            where no process list shows them. compare takes each once for both operators, or twice;
                            in the environment the second's are UID2_API_KEY_2 and UID2_CLIENT_SECRET_2
  --duration 20             seconds to measure
  --warmup 3                seconds under load before that
  --connections 32          (health: 1)
  --processes 1             processes that share the connections
  --batch 10000             identities per map request
  --kind email              ${DII_KINDS.join(', ')}
  --binary                  application/octet-stream instead of Base64 text
  --rate N                  requests per second over all connections; without it each reply is followed by the next
                            request (health: 100)
  --server-pid P            process of the server on this Linux machine: adds its processor time per request and its
                            memory to the report; compare takes it twice, in the order of --url
  --timeout 30              seconds to wait for a reply
  --beside NAME             another scenario that runs at the same time, for instance health --beside identity-map
  --beside-connections 4
Results are JSON on stdout, talk goes to stderr.`;

const OPTIONS = {
  help: { type: 'boolean' },
  url: { type: 'string', multiple: true },
  'api-key': { type: 'string', multiple: true },
  secret: { type: 'string', multiple: true },
  'server-pid': { type: 'string', multiple: true },
  scenario: { type: 'string' },
  duration: { type: 'string' },
  warmup: { type: 'string' },
  connections: { type: 'string' },
  processes: { type: 'string' },
  batch: { type: 'string' },
  kind: { type: 'string' },
  binary: { type: 'boolean' },
  rate: { type: 'string' },
  timeout: { type: 'string' },
  beside: { type: 'string' },
  'beside-connections': { type: 'string' },
  rounds: { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

type OptionName = keyof typeof OPTIONS;
/** Options that can be given more than once. */
type ListOption = 'url' | 'api-key' | 'secret' | 'server-pid';
type Values = Readonly<
  Partial<
    Record<Exclude<OptionName, 'help' | 'binary' | ListOption>, string> &
      Record<ListOption, string[]> &
      Record<'help' | 'binary', boolean>
  >
>;
export type Environment = Readonly<Record<string, string | undefined>>;

const LOAD_OPTIONS: readonly OptionName[] = [
  'help',
  'url',
  'api-key',
  'secret',
  'server-pid',
  'scenario',
  'duration',
  'warmup',
  'connections',
  'processes',
  'batch',
  'kind',
  'binary',
  'rate',
  'timeout',
];
const OPTIONS_OF: Readonly<Record<'operator' | 'compare' | 'micro', readonly OptionName[]>> = {
  operator: [...LOAD_OPTIONS, 'beside', 'beside-connections'],
  compare: [...LOAD_OPTIONS, 'rounds'],
  micro: ['help', 'rounds'],
};

const DAY_SECONDS = 86_400;
const MAX_CONNECTIONS = 10_000;
const MAX_BATCH = 100_000;
const MAX_PROCESSES = 64;
const MAX_RATE = 1_000_000;
const MAX_ROUNDS = 1_000;
const HEALTH_RATE = 100;
const SECRET_BYTES = 32;

/**
 * Reads the words after the program's name. Credentials that are not there come from the environment.
 * @throws RequestError BENCH_USAGE_INVALID, whose message is one sentence for the person who typed them
 */
export function parseArguments(words: readonly string[], env: Environment): Invocation {
  const { values, positionals } = split(words);
  if (values.help === true) return { command: 'help' };
  const [command, ...rest] = positionals;
  switch (command) {
    case 'operator':
    case 'compare':
      refuseForeignOptions(command, values);
      if (rest[0] !== undefined) throw usage(`${command} takes no further word, but got ${quoted(rest[0])}`);
      return command === 'operator' ? operatorInvocation(values, env) : compareInvocation(values, env);
    case 'micro':
      refuseForeignOptions(command, values);
      return {
        command,
        benchmarks: rest.length === 0 ? MICRO_BENCHMARKS : rest.map(microBenchmark),
        rounds: integer(values, 'rounds', 15, MAX_ROUNDS),
      };
    case undefined:
      throw usage('say what to measure: operator, compare or micro');
    default:
      throw usage(`${quoted(command)} is not a command: say operator, compare or micro`);
  }
}

function split(words: readonly string[]): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (cause) {
    // Node adds advice about dashes after its first sentence.
    const [sentence = ''] = errorMessage(cause).split(/\.\s|\n/, 1);
    throw usage(sentence.replace(/\.$/, ''), cause);
  }
}

function refuseForeignOptions(command: keyof typeof OPTIONS_OF, values: Values): void {
  const foreign = (Object.keys(values) as OptionName[]).find((name) => !OPTIONS_OF[command].includes(name));
  if (foreign !== undefined) throw usage(`--${foreign} has no meaning for ${command}`);
}

function operatorInvocation(values: Values, env: Environment): Invocation {
  const settings = loadSettings(values);
  const besideScenario = values.beside === undefined ? undefined : scenarioName('beside', values.beside);
  if (besideScenario === undefined && values['beside-connections'] !== undefined) {
    throw usage('--beside-connections needs --beside with a scenario');
  }
  if ((values.url?.length ?? 0) > 1) throw usage('operator measures one --url; compare measures two');
  const withCredentials =
    needsCredentials(settings.scenario) || (besideScenario !== undefined && needsCredentials(besideScenario));
  const target = targetAt(0, values, env, withCredentials);
  const plan: LoadPlan = { ...settings, target };
  if (besideScenario === undefined) return { command: 'operator', plan, beside: undefined };
  const beside: LoadPlan = {
    ...plan,
    scenario: besideScenario,
    connections: integer(values, 'beside-connections', 4, MAX_CONNECTIONS),
    processes: 1,
    ratePerSecond: undefined,
  };
  return { command: 'operator', plan, beside };
}

function compareInvocation(values: Values, env: Environment): Invocation {
  if (values.url?.length !== 2) throw usage(`compare needs --url twice, but got it ${values.url?.length ?? 0} times`);
  const settings = loadSettings(values);
  const withCredentials = needsCredentials(settings.scenario);
  const rounds = integer(values, 'rounds', 5, MAX_ROUNDS);
  const [first, second] = [targetAt(0, values, env, withCredentials), targetAt(1, values, env, withCredentials)];
  return {
    command: 'compare',
    plans: [
      { ...settings, target: first },
      { ...settings, target: second },
    ],
    rounds,
  };
}

function loadSettings(values: Values): LoadSettings {
  if (values.scenario === undefined) throw usage(`--scenario is missing: one of ${SCENARIOS.join(', ')}`);
  const scenario = scenarioName('scenario', values.scenario);
  const isHealth = scenario === 'health';
  const connections = integer(values, 'connections', isHealth ? 1 : 32, MAX_CONNECTIONS);
  const processes = integer(values, 'processes', 1, MAX_PROCESSES);
  if (processes > connections) {
    throw usage(`--processes ${processes} cannot share ${connections} connections: raise --connections`);
  }
  return {
    scenario,
    kind: diiKind(values.kind ?? 'email'),
    batch: integer(values, 'batch', 10_000, MAX_BATCH),
    binary: values.binary ?? false,
    connections,
    processes,
    durationMs: number(values, 'duration', { fallback: 20, above: 0, max: DAY_SECONDS }) * 1000,
    warmupMs: number(values, 'warmup', { fallback: 3, above: -1, max: DAY_SECONDS }) * 1000,
    timeoutMs: number(values, 'timeout', { fallback: 30, above: 0, max: DAY_SECONDS }) * 1000,
    ratePerSecond:
      values.rate === undefined
        ? isHealth
          ? HEALTH_RATE
          : undefined
        : number(values, 'rate', { fallback: 0, above: 0, max: MAX_RATE }),
  };
}

function targetAt(index: 0 | 1, values: Values, env: Environment, withCredentials: boolean): Target {
  const text = values.url?.[index];
  if (text === undefined) throw usage('--url is missing: the address of an operator, such as http://127.0.0.1:8080');
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw usage(`--url wants an http or https address without query, but got ${quoted(text)}`);
  }
  return {
    url: url.href.replace(/\/+$/, ''),
    credentials: withCredentials ? credentialsAt(index, values, env) : undefined,
    ...serverPidAt(index, values),
  };
}

function serverPidAt(index: 0 | 1, values: Values): { readonly serverPid?: number } {
  const text = values['server-pid']?.[index];
  if (text === undefined) return {};
  if (!/^[1-9][0-9]{0,9}$/.test(text)) throw usage(`--server-pid wants a process id, but got ${quoted(text)}`);
  return { serverPid: Number(text) };
}

function credentialsAt(index: 0 | 1, values: Values, env: Environment): Credentials {
  const find = (flag: 'api-key' | 'secret', variable: string): string => {
    const given = values[flag];
    const fromEnvironment = (index === 1 ? env[`${variable}_2`] : undefined) ?? env[variable];
    const found = given?.[index] ?? given?.[0] ?? fromEnvironment;
    if (found === undefined || found === '') throw usage(`set ${variable} in the environment, or give --${flag}`);
    return found;
  };
  const apiKey = find('api-key', 'UID2_API_KEY');
  const clientSecret = find('secret', 'UID2_CLIENT_SECRET');
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw usage('the API key holds a character that no header can carry');
  if (!isSecret(clientSecret)) throw usage(`the client secret is not ${SECRET_BYTES} bytes in Base64`);
  return { apiKey: new Secret(apiKey), clientSecret: new Secret(clientSecret) };
}

function isSecret(text: string): boolean {
  try {
    return fromBase64(text).length === SECRET_BYTES;
  } catch {
    return false; // not Base64: the question this function answers
  }
}

function needsCredentials(scenario: ScenarioName): boolean {
  return scenario !== 'health';
}

function scenarioName(option: OptionName, text: string): ScenarioName {
  return oneOf(SCENARIOS, text, `--${option}`);
}

function diiKind(text: string): DiiKind {
  return oneOf(DII_KINDS, text, '--kind');
}

function microBenchmark(text: string): MicroBenchmark {
  return oneOf(MICRO_BENCHMARKS, text, 'micro');
}

function oneOf<T extends string>(known: readonly T[], text: string, what: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw usage(`${what} does not know ${quoted(text)}: say one of ${known.join(', ')}`);
  return found;
}

type NumberOption =
  | 'duration'
  | 'warmup'
  | 'timeout'
  | 'rate'
  | 'connections'
  | 'processes'
  | 'batch'
  | 'rounds'
  | 'beside-connections';

function integer(values: Values, name: NumberOption, fallback: number, max: number): number {
  const text = values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < 1 || value > max) {
    throw usage(`--${name} wants a whole number from 1 to ${max}, but got ${quoted(text)}`);
  }
  return value;
}

/** `above` -1 stands for "0 or more". */
function number(
  values: Values,
  name: NumberOption,
  limits: { readonly fallback: number; readonly above: 0 | -1; readonly max: number },
): number {
  const text = values[name];
  if (text === undefined) return limits.fallback;
  const value = Number(text);
  if (!/^[0-9]+(?:\.[0-9]+)?$/.test(text) || value <= limits.above || value > limits.max) {
    const least = limits.above === 0 ? 'above 0' : 'from 0';
    throw usage(`--${name} wants a number ${least} up to ${limits.max}, but got ${quoted(text)}`);
  }
  return value;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function usage(sentence: string, cause?: unknown): RequestError {
  return new RequestError('BENCH_USAGE_INVALID', sentence, { cause });
}
