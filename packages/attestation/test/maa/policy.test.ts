import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { attestationPolicyHash, DEFAULT_ATTESTATION_POLICY, parseAttestationPolicy } from '../../src/index.ts';
import { applyAttestationPolicy } from '../../src/maa/policy.ts';
import { codeOf } from '../support/chain.ts';

const claims = { 'x-ms-sevsnpvm-is-debuggable': false, 'x-ms-sevsnpvm-vmpl': 0, 'x-ms-ver': '1.0', exp: 5 };

function apply(authorization: string, issuance = '') {
  const text = `version=1.0; authorizationrules { ${authorization} }; issuancerules { ${issuance} };`;
  return applyAttestationPolicy(parseAttestationPolicy(text), claims);
}

describe('attestation policy 1.0', () => {
  it('permits everything by default', () => {
    expect(applyAttestationPolicy(parseAttestationPolicy(DEFAULT_ATTESTATION_POLICY), claims)).toEqual({});
  });

  it('needs a permit, and a deny wins over it', () => {
    expect(codeOf(() => apply(''))).toBe('MAA_POLICY_DENIED');
    const debug = '[type=="x-ms-sevsnpvm-is-debuggable", value==false] => deny();';
    expect(codeOf(() => apply(`=> permit(); ${debug}`))).toBe('MAA_POLICY_DENIED');
    expect(apply(`=> permit(); ${debug.replace('false', 'true')}`)).toEqual({});
  });

  it('compares integers, texts and issuers, and joins conditions', () => {
    const rule = (first: string, second: string) =>
      `c:[type=="x-ms-sevsnpvm-vmpl", ${first}] && [type=="x-ms-ver", ${second}] => permit();`;
    expect(apply(rule('value<=0', 'value=="1.0"'))).toEqual({});
    expect(apply(rule('value>-1', 'issuer=="AttestationService"'))).toEqual({});
    expect(codeOf(() => apply(rule('value<0', 'value=="1.0"')))).toBe('MAA_POLICY_DENIED');
    expect(codeOf(() => apply(rule('value==0', 'value!="1.0"')))).toBe('MAA_POLICY_DENIED');
  });

  it('knows no numbers but integers: 1.0 is none, and a text or boolean never equals one', () => {
    for (const literal of ['0.0', '0e0', '0.5'])
      expect(codeOf(() => apply(`[type=="x-ms-sevsnpvm-vmpl", value==${literal}] => permit();`))).toBe(
        'MAA_POLICY_INVALID',
      );
    for (const literal of ['"0"', 'false'])
      expect(codeOf(() => apply(`[type=="x-ms-sevsnpvm-vmpl", value==${literal}] => permit();`))).toBe(
        'MAA_POLICY_DENIED',
      );
    expect(codeOf(() => apply('[type=="x-ms-ver", value==1] => permit();'))).toBe('MAA_POLICY_DENIED');
  });

  it('issues claims from literals and from matched and added claims', () => {
    const add = '=> permit(); => add(type="tier", value="gold");';
    expect(
      apply(add, 'c:[type=="tier"] => issue(claim=c); c:[type=="exp"] => issue(type="copy", value=c.value);'),
    ).toEqual({ tier: 'gold', copy: 5 });
  });

  it.each(['exp', 'x-ms-runtime', 'nonce'])('cannot issue %s, a claim of the service', (type) => {
    expect(codeOf(() => apply('=> permit();', `=> issue(type="${type}", value=1);`))).toBe('MAA_POLICY_DENIED');
  });

  it('reads comments and white space', () => {
    expect(
      parseAttestationPolicy('version=1.0; /* a\n*/ authorizationrules\n{ // b\n=>permit(); };issuancerules{};')
        .authorizationRules,
    ).toHaveLength(1);
  });

  it.each([
    '',
    'version=1.1; authorizationrules { }; issuancerules { };',
    'version=1.0; authorizationrules { => permit() }; issuancerules { };',
    'version=1.0; authorizationrules { => issue(type="a", value=1); }; issuancerules { };',
    'version=1.0; authorizationrules { }; issuancerules { => permit(); };',
    'version=1.0; authorizationrules { [type=="a", value<"b"] => permit(); }; issuancerules { };',
    'version=1.0; authorizationrules { }; issuancerules { => issue(type="a"); };',
    'version=1.0; authorizationrules { }; issuancerules { => issue(type="a", value=c.value); };',
    'version=1.0; authorizationrules { }; issuancerules { }; more',
    'version=1.0; authorizationrules { c:[] && c:[] => permit(); }; issuancerules { };',
  ])('refuses %s', (text) => {
    expect(codeOf(() => parseAttestationPolicy(text))).toBe('MAA_POLICY_INVALID');
  });

  it('bounds the work of one rule', () => {
    const many = Array.from({ length: 8 }, () => '[]').join(' && ');
    const wide = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`c${index}`, index]));
    const policy = parseAttestationPolicy(
      `version=1.0; authorizationrules { ${many} => permit(); }; issuancerules { };`,
    );
    expect(codeOf(() => applyAttestationPolicy(policy, wide))).toBe('MAA_POLICY_DENIED');
  });

  it('lets only our errors escape, whatever text comes in', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            'version',
            '=',
            '1.0',
            ';',
            'authorizationrules',
            '{',
            '}',
            '=>',
            'permit',
            '(',
            ')',
            '[',
            '"',
            'x',
          ),
        ),
        (tokens) => {
          expect(codeOf(() => parseAttestationPolicy(tokens.join(' ')))).toBe('MAA_POLICY_INVALID');
        },
      ),
    );
  });

  it('hashes the Base64url text of the policy', () => {
    // base64url(SHA-256("YWJj")), computed with OpenSSL.
    expect(attestationPolicyHash('abc')).toBe('NdlWlNPxYCFdspPHiZ2qWQeDeDj7S4EZ7XE-MkRsEmY');
  });
});
