import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

import { repositoryRoot } from '../workspaces.ts';
import { page, row, tableHead } from './markdown.ts';

/** What a deployment must show, by number. Tests carry the number in their names: `acceptance 7: …`. */
export const acceptance: readonly string[] = [
  'A fresh apply of nothing reaches the end with the recorded requests; a second one writes nothing and ends with 0, and so does a plan.',
  'Killed after any request and run again, with the journal kept, deleted or stale: the same end, no role twice, one version of the secret.',
  'The answer of a write is lost although it was carried out: the same end.',
  'What others have set survives: scaled nodes, newer patch versions, pools, tags, subnets, peerings, add-ons, fields that nobody knows.',
  'A failed forecast or validation stops the run, in whatever form Azure says it, and the innermost code is shown.',
  'A failed deployment is explained by its deepest cause, with the correlation id, although the SDK says nothing.',
  'An identity that the directory does not know yet is waited for; after the deadline the command ends with 7, and a later run goes on.',
  'A role on a vault that does not work yet is waited for, and told from a firewall and from a disabled secret.',
  'A deleted vault, with and without purge protection; a name that a stranger has; a vault that is brought back gets its roles again.',
  'The operator key appears in the body of the one request that writes it, and nowhere else.',
  'Every check has a case that passes and one that fails; table and checks come from one list.',
  'Every region of Europe and China is denied whatever Azure says of it, new ones by their geography; eastasia warns.',
  'Address ranges agree with sets of addresses; the values of the guides raise one warning.',
  'The manifest of the operator is the same text each time; every way in which a release can be wrong is refused by its check.',
  'The objects of the virtual node are those that helm makes of its chart; certificates of its controller are never touched.',
  'Server-side apply of the local cluster agrees with recorded answers of a real one; real kubectl works against it over TLS.',
  'An upgrade whose release does not become ready leaves the Service alone; one that fails afterwards is taken back within three minutes; interrupted anywhere it goes on.',
  'Removal keeps a purge-protected vault, stops at service links and locks, keeps what is not its own; a second run does nothing.',
  'All of this runs without a network: `npm ci --offline`, `npm test`.',
];

/** What the guides say besides, by number: `addition 3: …`. */
export const additions: readonly string[] = [
  'A release goes to `prod` after a healthy run in `integ`, or the tool says that there was none.',
  'Defaults of `kata-cc` are those of its guide; the placeholder of the vault is refused.',
  'Consumer, sidecar and producer are those of the guide.',
  'An adopted cluster: version, feature, workload identity.',
  'System and size of the nodes must host confidential pods.',
  'The attestation provider: named, created, or a shared endpoint.',
  'Role assignments can be made and removed, conditions on the right included.',
  'A Premium vault, or a managed HSM with its local roles; a vault in use is warned of.',
  'The terms of the preview are said.',
  'How the tools are updated.',
  'Removal of each profile: what was made goes, what was adopted stays.',
  'Defaults of `private-link` are those of its guide.',
  "The guides' own kubectl lines work against the local cluster.",
  'Dedicated hosts of a node pool stay.',
];

interface Found {
  readonly file: string;
  readonly name: string;
}

const TESTS = [
  '{packages,adapters,services,samples}/*/test/**/*.test.ts',
  '{local,cli,tools}/test/**/*.test.ts',
  'testing/{e2e,soak,story}/**/*.test.ts',
];
/** The title of a test or of a group of tests that begins with numbers. */
const TITLE = /(['"`])((?:(?:acceptance|addition) \d+(?:, (?:(?:acceptance|addition) )?\d+)*)): ((?:(?!\1).)+)\1/g;

/** The tests of each number, by `acceptance 7` and the like. */
export function numberedTests(): ReadonlyMap<string, readonly Found[]> {
  const tests = new Map<string, Found[]>();
  const files = TESTS.flatMap((pattern) => globSync(pattern, { cwd: repositoryRoot })).map((file) =>
    file.replaceAll('\\', '/'),
  );
  for (const file of files.toSorted()) {
    const text = readFileSync(join(repositoryRoot, file), 'utf8');
    for (const [, , numbers = '', name = ''] of text.matchAll(TITLE)) {
      let list = '';
      for (const part of numbers.split(', ')) {
        const [word, number] = part.includes(' ') ? part.split(' ') : [list, part];
        list = word ?? list;
        const key = `${list} ${number}`;
        tests.set(key, [...(tests.get(key) ?? []), { file, name }]);
      }
    }
  }
  return tests;
}

/** What a deployment must show and the tests that show it, found by the numbers in their names. */
export function acceptancePage(): string {
  const tests = numberedTests();
  const lines = [
    '# What a deployment must show, and the tests that show it',
    '',
    'Generated by `npm run docs`: the tests are found by the number in their names, such as `acceptance 7: …`. Run one of them with',
    '`npx vitest run --project unit -t "acceptance 7"`. Guides: [deploying](../guides/deployment.md),',
    '[operating](../guides/operations.md). The protocols have [a page of their own](tests-by-rule.md).',
  ];
  const table = (word: string, requirements: readonly string[]): void => {
    lines.push('', ...tableHead('No.', 'What', 'Tests'));
    for (const [index, text] of requirements.entries()) {
      const found = tests.get(`${word} ${index + 1}`) ?? [];
      lines.push(row(String(index + 1), text, found.map(link).join('; ')));
    }
  };
  lines.push('', '## Acceptance');
  table('acceptance', acceptance);
  lines.push('', '## Additions: what the guides say besides');
  table('addition', additions);
  return page(lines);
}

function link({ file, name }: Found): string {
  const title = name.replaceAll(/\$\w+|%\w/g, '…').replaceAll('\\', '');
  return `[${posix.basename(file, '.test.ts')}](../../${file}): ${title}`;
}
