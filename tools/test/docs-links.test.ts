import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

import { describe, expect, it } from 'vitest';

import { allCommandHelp } from '../reference/cli-page.ts';
import { listWorkspaces, repositoryRoot } from '../workspaces.ts';

interface Page {
  readonly path: string;
  readonly text: string;
  /** The text without fenced blocks. */
  readonly prose: string;
  /** Lines of all fenced blocks; a trailing backslash joins two. */
  readonly fenced: readonly string[];
}

const FENCE = /^```.*\n([\s\S]*?)^```$/gm;

const pages: readonly Page[] = globSync('**/*.md', {
  cwd: repositoryRoot,
  exclude: ['**/node_modules/**', '**/.holdfast/**'],
}).map((file) => {
  const text = readFileSync(join(repositoryRoot, file), 'utf8').replaceAll('\r\n', '\n');
  const fenced = [...text.matchAll(FENCE)].flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'));
  return { path: file.replaceAll('\\', '/'), text, prose: text.replaceAll(FENCE, ''), fenced };
});

function linksOf(page: Page): { readonly label: string; readonly target: string }[] {
  return [...page.prose.matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)]
    .map(([, label = '', target = '']) => ({ label, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** A file of the repository that a link of `page` leads to. */
function fileOf(page: Page, target: string): string {
  const path = target.split('#', 1)[0] ?? '';
  return path === '' ? page.path : posix.join(posix.dirname(page.path), decodeURI(path));
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('links in the documentation', () => {
  it('are there to be checked', () => {
    expect(pages.flatMap(linksOf).length).toBeGreaterThan(200);
  });

  it('lead to files that exist', () => {
    const broken = pages.flatMap((page) =>
      linksOf(page)
        .filter(({ target }) => !existsSync(join(repositoryRoot, fileOf(page, target))))
        .map(({ target }) => `${page.path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('lead to headings that exist', () => {
    const broken = pages.flatMap((page) =>
      linksOf(page)
        .filter(({ target }) => {
          const [, anchor] = target.split('#', 2);
          const file = join(repositoryRoot, fileOf(page, target));
          if (anchor === undefined || !file.endsWith('.md') || !existsSync(file)) return false;
          return !anchorsOf(readFileSync(file, 'utf8')).has(anchor);
        })
        .map(({ target }) => `${page.path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('that name something of a source file name something it has', () => {
    const wrong = pages.flatMap((page) =>
      linksOf(page)
        .filter(
          ({ label, target }) => /^`\w+(?:\.\w+)?`$/.test(label) && !label.endsWith('.ts`') && target.endsWith('.ts'),
        )
        .filter(({ label, target }) => {
          const file = join(repositoryRoot, fileOf(page, target));
          if (!existsSync(file)) return false; // told by another test
          const source = readFileSync(file, 'utf8');
          return !label
            .slice(1, -1)
            .split('.')
            .every((name) => new RegExp(`\\b${name}\\b`).test(source));
        })
        .map(({ label, target }) => `${page.path}: ${label} in ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('from the page of a group of workspaces lead to every one of them', () => {
    const forgotten = listWorkspaces()
      .filter(({ folder }) => existsSync(join(repositoryRoot, dirname(folder), 'README.md')) && folder.includes('/'))
      .filter(({ folder }) => {
        const page = pages.find(({ path }) => path === `${dirname(folder)}/README.md`);
        return !linksOf(page ?? never(folder)).some(({ target }) => target.startsWith(`${posix.basename(folder)}/`));
      });
    expect(forgotten.map(({ folder }) => folder)).toEqual([]);
  });
});

describe('file names in the prose', () => {
  it('of the pages in the root exist', () => {
    const missing = pages
      .filter(({ path }) => !path.includes('/'))
      .flatMap(({ path, prose }) =>
        [...prose.matchAll(/`((?:packages|adapters|services|local|cli|testing|tools|bench|docs)\/[\w./-]+)`/g)]
          .map(([, file = '']) => file)
          .filter((file) => !existsSync(join(repositoryRoot, file)))
          .map((file) => `${path}: ${file}`),
      );
    expect(missing).toEqual([]);
  });
});

describe('commands in the documentation', () => {
  it('exist, with their flags', async () => {
    const commands = await allCommandHelp();
    // The generated page shows usage patterns, and comes from the same source.
    const written = pages.filter(({ path }) => path !== 'docs/reference/cli.md');
    const wrong = written.flatMap((page) =>
      page.fenced.flatMap((line) => {
        const words = holdfastWords(line);
        const problem = words === undefined ? undefined : problemOf(words, commands);
        return problem === undefined ? [] : [`${page.path}: ${line.trim()}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('a command that does not exist, or not with that flag, is found', async () => {
    const commands = await allCommandHelp();
    const problem = (line: string): string | undefined => problemOf(holdfastWords(line) ?? [], commands);
    expect(problem('npm exec holdfast -- up --check --salts 2000')).toBeUndefined();
    expect(problem('$ holdfast serve core --config core.json')).toBeUndefined();
    expect(problem('holdfast sideways')).toBe('there is no command sideways');
    expect(problem('npm exec holdfast -- uid2 tokens')).toBe('there is no command uid2 tokens');
    expect(problem('PORT=1 holdfast up --fast | tee log')).toBe('up has no flag --fast');
  });
});

/** The words after `holdfast` in a command line; undefined when the line runs something else. */
function holdfastWords(line: string): string[] | undefined {
  const match = /^\s*(?:\$ +)?(?:\w+=\S* +)*(?:npm exec holdfast -- |holdfast )(.*)$/.exec(line);
  if (match === null) return undefined;
  return (match[1] ?? '')
    .split(/ #| \||[;&>]/, 1)[0]
    ?.trim()
    .split(/\s+/);
}

type Commands = Awaited<ReturnType<typeof allCommandHelp>>;

function problemOf(words: readonly string[], commands: Commands): string | undefined {
  const path: string[] = [];
  const at = (): Commands[number] | undefined => commands.find((command) => command.path.join(' ') === path.join(' '));
  let rest = [...words];
  while (rest[0] !== undefined && (at()?.subcommands.length ?? 0) > 0 && !rest[0].startsWith('-')) {
    const [word = ''] = rest;
    if (at()?.subcommands.includes(word) !== true) return `there is no command ${[...path, word].join(' ')}`;
    path.push(word);
    rest = rest.slice(1);
  }
  const flags = at()?.flags ?? [];
  const unknown = rest.find(
    (word) => word.startsWith('--') && word !== '--' && !flags.includes(word.split('=', 1)[0] ?? ''),
  );
  return unknown === undefined ? undefined : `${path.join(' ')} has no flag ${unknown}`;
}

function never(folder: string): Page {
  throw new Error(`there is no page for the group of ${folder}`);
}
