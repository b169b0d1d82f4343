import { describe, expect, it } from 'vitest';

import {
  type CceContainer,
  cceGenerations,
  type CceOptions,
  generateCce,
  infrastructureFragment,
  lintCceCarrier,
  lintCceText,
  measureCceText,
  pauseContainer,
  writeAllowAll,
  writePolicy,
} from '../../src/cce/index.ts';
import { plainImages } from './support.ts';

const codes = (text: string, options = {}) => lintCceText(text, options).map(({ code }) => code);

async function generated(options: CceOptions = {}): Promise<string> {
  const [policy] = await generateCce({ kind: 'images', references: ['i:1'] }, plainImages(), options);
  return policy?.text ?? '';
}

const app: CceContainer = {
  ...pauseContainer,
  name: 'app',
  layers: ['ab'.repeat(32)],
  signals: [],
  allow_stdio_access: false,
};
const policy = (containers: readonly Partial<CceContainer>[], flags = {}) =>
  writePolicy({
    generation: cceGenerations.G4,
    fragments: [infrastructureFragment],
    containers: containers.map((container) => ({ ...app, ...container })),
    flags,
  });
const rule = (pattern: string) => ({ pattern, strategy: 're2' as const, required: false });

describe('lintCceCarrier', () => {
  it.each([undefined, '', ' \n'])('reports the missing policy %j', (base64) => {
    expect(lintCceCarrier(base64)).toMatchObject([{ code: 'CCE-EMPTY', severity: 'error' }]);
  });

  it('checks the policy that is there', () => {
    expect(lintCceCarrier(measureCceText(policy([{}])).base64)).toEqual([]);
  });
});

describe('lintCceText', () => {
  it('says of a generated policy only that standard streams are open and that it is for an older framework', async () => {
    expect(new Set(codes(await generated()))).toEqual(new Set(['CCE-STDIO', 'CCE-FW-OLD']));
    expect(codes(await generated({ generation: 'G4', disableStdio: true }))).toEqual([]);
  });

  it('finds everything that debug mode opens', async () => {
    const found = lintCceText(await generated({ debugMode: true })).filter(({ code }) => code === 'CCE-DEBUG');
    expect(found.map(({ container }) => container)).toEqual([undefined, undefined, 'i:1']);
  });

  it('recognises a policy that admits everything', () => {
    expect(codes(writeAllowAll(cceGenerations.G4))).toEqual(['CCE-ALLOWALL']);
    expect(codes('package policy\ncreate_container := true\n')).toEqual(['CCE-ALLOWALL']);
  });

  it('names the variables that a policy without dropping misses, and is content once they are allowed', async () => {
    const flags = { allow_environment_variable_dropping: false };
    const found = lintCceText(await generated({ flags })).filter(({ code }) => code === 'CCE-NODROP-ENV');
    expect(found).toMatchObject([
      {
        container: 'i:1',
        message: expect.stringContaining('IDENTITY_ENDPOINT, IMDS_ENDPOINT, APP_IDENTITY_ENDPOINT') as string,
      },
    ]);
    expect(codes(await generated({ flags, allowPlatformIdentity: true }))).not.toContain('CCE-NODROP-ENV');
  });

  it.each<[string, Partial<CceContainer>, string]>([
    ['no layers', { layers: [] }, 'CCE-LAYERS-EMPTY'],
    ['a layer that is no root hash', { layers: ['AB'.repeat(32)] }, 'CCE-LAYERS-UNKNOWN'],
    ['no command', { command: null }, 'CCE-CMD-NULL'],
    ['alternatives that are not anchored', { env_rules: [rule('A=1|B=2')] }, 'CCE-REGEX-ALT'],
    ['a pattern that is none', { env_rules: [rule('A=(')] }, 'CCE-REGEX-INVALID'],
    [
      'a user pattern that is none',
      { user: { ...app.user, user_idname: { pattern: '[', strategy: 're2' } } },
      'CCE-REGEX-INVALID',
    ],
    ['any value', { env_rules: [rule('SECRET=.*')] }, 'CCE-WILDCARD-ENV'],
    ['any value in an anchored pattern', { env_rules: [rule('^SECRET=.+$')] }, 'CCE-WILDCARD-ENV'],
    ['open standard streams', { allow_stdio_access: true }, 'CCE-STDIO'],
  ])('finds %s', (_name, container, expected) => {
    expect(codes(policy([container]))).toEqual([expected]);
  });

  it('accepts alternatives in a group', () => {
    expect(codes(policy([{ env_rules: [rule('A=(1|2)'), rule('[|]=x')] }]))).toEqual([]);
  });

  it('finds containers that a request cannot tell apart only where they differ', () => {
    expect(codes(policy([{}, { name: 'other' }]))).toEqual([]);
    expect(lintCceText(policy([{}, { name: 'other', env_rules: [] }]))).toMatchObject([
      { code: 'CCE-DUPLICATE', container: 'other' },
    ]);
  });

  it('compares versions with those of the guest', () => {
    expect(codes(policy([{}]), { guestFrameworkVersion: '0.4.9' })).toEqual(['CCE-FW-AHEAD']);
    expect(codes(policy([{}]), { guestFrameworkVersion: '0.10.0' })).toEqual(['CCE-FW-OLD']);
    expect(codes(policy([{}]), { guestApiVersion: '0.11.0' })).toEqual(['CCE-FW-AHEAD']);
  });

  it('compares the infrastructure fragment with the floor', () => {
    expect(codes(policy([{}]), { infrastructureSvnFloor: 5 })).toEqual(['CCE-SVN-LOW']);
  });

  it('finds imports of one feed that include different things', () => {
    const other = { ...infrastructureFragment, includes: ['containers'] };
    const text = writePolicy({
      generation: cceGenerations.G4,
      fragments: [infrastructureFragment, other],
      containers: [app],
    });
    expect(codes(text)).toEqual(['CCE-IMPORT-CONFLICT']);
    const reordered = {
      ...infrastructureFragment,
      minimum_svn: '5',
      includes: infrastructureFragment.includes.toReversed(),
    };
    expect(
      codes(
        writePolicy({
          generation: cceGenerations.G4,
          fragments: [infrastructureFragment, reordered],
          containers: [app],
        }),
      ),
    ).toEqual([]);
  });

  it('compares size and measurement with what is expected', () => {
    const text = policy([{}]);
    expect(codes(text, { maxBase64Length: 100 })).toEqual(['CCE-SIZE']);
    expect(lintCceText(`${text}\n`, { expectedSha256: measureCceText(text).sha256 })).toMatchObject([
      {
        code: 'MEASURE-MISMATCH',
        severity: 'error',
        message: expect.stringContaining('0 line feeds at the end') as string,
      },
    ]);
  });

  it('reports custom Rego with its line', () => {
    expect(lintCceText('package policy\n\ncreate_container {\n  true\n}\n')).toMatchObject([
      { code: 'CCE-CUSTOM-REGO', message: expect.stringContaining('line 3') as string },
    ]);
  });

  it('answers about a hostile pattern in bounded time', () => {
    const text = policy([{ env_rules: [rule(`A=${'(a*)*'.repeat(50)}b`), rule('(x{1000}){1000}=y')] }], {
      allow_environment_variable_dropping: false,
    });
    expect(codes(text)).toContain('CCE-NODROP-ENV');
  });
});
