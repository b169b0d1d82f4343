import { inspectBundle } from '../bundle/inspect-bundle.ts';
import type { BundleCheck } from '../bundle/inspect-bundle.ts';
import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { listAt } from '../bundle/shape.ts';
import { checkFor, findings, notChecked } from './check.ts';
import type { Check, CheckAnswer } from './check.ts';
import type { Facts } from './facts.ts';

const uid2 = ['uid2-vn2'] as const;
const KEY_FORMAT = /^(UID2|EUID)-.-([IPL])-\d+-.*$/;
const KEY_REMEDY = 'Use the operator key as your UID2 contact sent it; there is one for each environment.';

/** Never puts any part of the key into a message. */
function keyParts(
  facts: Facts,
): { readonly key: string; readonly scope?: string; readonly environment?: string } | undefined {
  const key = facts.files?.operatorKey?.reveal();
  if (key === undefined) return undefined;
  const match = KEY_FORMAT.exec(key.trim());
  return match === null ? { key } : { key, scope: match[1] ?? '', environment: match[2] ?? '' };
}

export const keyChecks: readonly Check[] = [
  checkFor(uid2, {
    id: 'OK-01',
    title: 'There is an operator key',
    severity: 'error',
    needs: ['files'],
    explanation: 'The command of the guide, copied as it is, stores the text "<some value>" in its place.',
    remedy: KEY_REMEDY,
    run: (config, facts) => {
      const source = config.operator.keySource;
      if (source !== 'stdin' && 'vaultVersion' in source) return [];
      const parts = keyParts(facts);
      if (parts === undefined) return notChecked;
      const { key } = parts;
      return findings(
        key === '' && 'the operator key is empty',
        key === '<some value>' && 'the operator key is the placeholder of the guide',
        key !== '<some value>' && /\s/.test(key) && 'the operator key holds blanks or line breaks',
      );
    },
  }),
  checkFor(uid2, {
    id: 'OK-02',
    title: 'The operator key has the usual form',
    severity: 'warning',
    needs: ['files'],
    explanation: 'Keys of another form are accepted and cannot be checked further.',
    remedy: KEY_REMEDY,
    run: (_config, facts) => {
      const parts = keyParts(facts);
      if (parts === undefined) return notChecked;
      return findings(parts.scope === undefined && 'the operator key does not look like UID2-O-I-1234-…');
    },
  }),
  checkFor(uid2, {
    id: 'OK-03',
    title: 'The operator key is for the environment',
    severity: 'error',
    needs: ['files'],
    explanation: 'The operator ends at its start otherwise (E05).',
    remedy: KEY_REMEDY,
    run: (config, facts) => {
      const environment = keyParts(facts)?.environment;
      if (environment === undefined) return notChecked;
      const names: Readonly<Record<string, string>> = { I: 'integ', P: 'prod', L: 'local use only' };
      const isFor = names[environment] ?? environment;
      return findings(
        isFor !== config.operator.environment &&
          `the operator key is for ${isFor}, the environment is ${config.operator.environment}`,
      );
    },
  }),
  checkFor(uid2, {
    id: 'OK-04',
    title: 'The operator key is for UID2',
    severity: 'error',
    needs: ['files'],
    explanation: 'EUID is another service, which may not run here.',
    remedy: KEY_REMEDY,
    run: (_config, facts) => {
      const scope = keyParts(facts)?.scope;
      return scope === undefined ? notChecked : findings(scope === 'EUID' && 'the operator key is for EUID');
    },
  }),
  checkFor(uid2, {
    id: 'OK-05',
    title: 'The vault holds the same key',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Running operators keep the key they read at their start.',
    remedy: 'Replace the key with holdfast rotate-key, one pod after the other.',
    run: (_config, { azure }) => {
      const same = azure?.vault?.live?.sameKey;
      return same === undefined ? notChecked : findings(!same && 'the vault holds another operator key');
    },
  }),
];

export const environmentChecks: readonly Check[] = [
  checkFor(uid2, {
    id: 'OE-01',
    title: 'The environment is integ or prod',
    severity: 'error',
    explanation: 'The operator looks for a file of exactly that name.',
    remedy: 'Write integ or prod, in lower case.',
    run: (config) => {
      const { environment } = config.operator;
      if (environment === 'integ' || environment === 'prod') return [];
      return [{ message: `"${environment}" is neither integ nor prod`, path: ['operator', 'environment'] }];
    },
  }),
  checkFor(uid2, {
    id: 'OE-02',
    title: 'Nothing is set for debugging in prod',
    severity: 'error',
    needs: ['files'],
    explanation: 'The operator ends at its start (E04); the policy drops the variables in silence.',
    remedy: 'Use the release as it was sent.',
    run: (config, { files }) => {
      if (files?.bundle === undefined) return notChecked;
      if (config.operator.environment !== 'prod') return [];
      const names = listAt(files.bundle.deployment, 'spec', 'template', 'spec', 'containers')
        .flatMap((container) => listAt(container, 'env'))
        .map((variable) => String(variable['name']))
        .filter((name) => /DEBUG|SKIP/i.test(name));
      return findings(names.length > 0 && `the manifest sets ${names.join(', ')}`);
    },
  }),
  checkFor(uid2, {
    id: 'OE-03',
    title: 'The release ran in integ first',
    severity: 'warning',
    needs: ['files'],
    explanation: 'The guides advise to try a set-up in integ before the same goes to prod.',
    remedy: 'Deploy the same release with environment integ, and look at its health.',
    run: (config, { files }) => {
      if (config.operator.environment !== 'prod') return [];
      if (files?.integRecord === undefined) return notChecked;
      return findings(!files.integRecord && 'there is no record of this release in integ');
    },
  }),
  checkFor(uid2, {
    id: 'OE-04',
    title: 'There are enough replicas for prod',
    severity: 'error',
    explanation: 'A single operator is down whenever it restarts.',
    remedy: 'Set operator.replicas to 2 or more.',
    run: (config) => {
      const { environment, replicas } = config.operator;
      if (environment !== 'prod' || replicas >= 2) return [];
      return [{ message: `${replicas} replica in prod`, path: ['operator', 'replicas'] }];
    },
  }),
];

function bundleAnswer(id: BundleCheck, config: Uid2Vn2Config, facts: Facts): CheckAnswer {
  const bundle = facts.files?.bundle;
  if (bundle === undefined) {
    if (id === 'OB-01' && facts.files?.bundleProblem !== undefined) return findings(facts.files.bundleProblem);
    return notChecked;
  }
  return inspectBundle(bundle, config).findings.filter((finding) => finding.check === id);
}

function bundleCheck(id: BundleCheck, title: string, explanation: string, remedy: string): Check {
  return checkFor(uid2, {
    id,
    title,
    severity: 'error',
    needs: ['files'],
    explanation,
    remedy,
    run: (config, facts) => bundleAnswer(id, config, facts),
  });
}

const AGAIN = 'Use the bundle as UID2 sent it, unchanged.';

export const bundleChecks: readonly Check[] = [
  bundleCheck(
    'OB-01',
    'The bundle is a release of the operator',
    'One Deployment with the operator and its sidecar, and one Service; anything else would not be measured as published.',
    AGAIN,
  ),
  bundleCheck(
    'OB-02',
    'The placeholders of the bundle are those of a release',
    'Four are for you to fill in, which happens here; two are for the release.',
    AGAIN,
  ),
  bundleCheck(
    'OB-03',
    'The policy is the published one',
    'The digest of the policy is what the operator is registered under; any other fails its attestation.',
    'Set operator.bundle.digest to the digest that your UID2 contact or the release names; if it differs, get the bundle again.',
  ),
  bundleCheck(
    'OB-04',
    'The policy does not admit everything',
    'A policy for debugging protects nothing.',
    'Use the policy of the release.',
  ),
  bundleCheck(
    'OB-05',
    'The policy fits the containers',
    'A container that differs from its entry does not start: deviceHash not found.',
    AGAIN,
  ),
  checkFor(uid2, {
    id: 'OB-06',
    title: 'The release is recent',
    severity: 'warning',
    needs: ['files'],
    explanation: 'A release is disabled twelve months after it appeared, sooner for critical reasons.',
    remedy: 'Plan the upgrade to the newest release.',
    run: (_config, { files }) => {
      const days = files?.bundleAgeDays;
      return days === undefined ? notChecked : findings(days > 270 && `the release is ${days} days old`);
    },
  }),
  bundleCheck(
    'OB-07',
    'The policy is not too large',
    'Annotations of an object have 262144 bytes at most.',
    'Ask your UID2 contact for a smaller policy.',
  ),
  checkFor(uid2, {
    id: 'OB-08',
    title: 'No field of the manifest gets lost',
    severity: 'error',
    needs: ['files'],
    explanation: 'A client that does not know a field drops it in silence.',
    remedy: 'Use a newer release of holdfast.',
    run: (_config, { files }) =>
      files?.droppedFields === undefined
        ? notChecked
        : findings(...files.droppedFields.map((path) => `${path} would be dropped`)),
  }),
];
