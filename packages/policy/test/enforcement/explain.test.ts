import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Decision } from '../../src/enforcement/index.ts';
import {
  aciProfile,
  createCceEnforcer,
  decodeDenial,
  explainDecision,
  explainDenial,
  explainRequest,
  renderExplanation,
} from '../../src/enforcement/index.ts';
import { container, createInput, overlaySteps, policyText } from './policy-fixtures.ts';
import type { Fields } from './policy-fixtures.ts';

const policy = policyText({ containers: [container(), container({ name: 'sidecar', command: ['/bin/side'] })] });

function denied(input: Fields, text = policy): Decision {
  const enforcer = createCceEnforcer(text, { denialLimit: 0 });
  for (const step of overlaySteps()) enforcer.enforce(step);
  return enforcer.enforce({ point: 'create_container', input: createInput(input) });
}

const platformDenial = denied({ envList: ['PATH=/bin', 'IMDS_ENDPOINT=http://x'] });
const message = platformDenial.denial?.message ?? '';

describe('decodeDenial', () => {
  it('reads back what the guest encoded', () => {
    const decoded = decodeDenial(message);
    expect(decoded).toMatchObject({ point: 'create_container', errors: platformDenial.errors, cutOff: false });
    expect(decoded.input?.['envList']).toEqual(['PATH=<<redacted>>', 'IMDS_ENDPOINT=<<redacted>>']);
  });

  it.each([
    ['text around it', (text: string) => `Error: failed: hcs::X: ${text}: unknown\nBack-off`],
    ['escaped quotes', (text: string) => JSON.stringify({ message: JSON.stringify(text) })],
    ['line breaks', (text: string) => text.replace(/.{60}/g, '$&\n   ')],
    ['escaped line breaks', (text: string) => text.replace(/[A-Za-z0-9+/]{60}/g, '$&\\n')],
    ['escaped markers', (text: string) => text.replace('<', '\\u003c').replace('>', '\\u003e')],
  ])('tolerates %s', (_what, wrap) => {
    expect(decodeDenial(wrap(message)).errors).toEqual(platformDenial.errors);
  });

  it('keeps what is complete of a message that is cut off anywhere', () => {
    const start = message.indexOf('<') + 8;
    fc.assert(
      fc.property(fc.integer({ min: start + 40, max: message.length - 16 }), (length) => {
        const decoded = decodeDenial(message.slice(0, length));
        expect(decoded.cutOff).toBe(true);
        expect(decoded.point).toBe('create_container');
        expect(platformDenial.errors).toEqual(expect.arrayContaining([...decoded.errors]));
      }),
    );
  });

  it('lets only its own error escape from any message', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, inside) => {
        const attempt = (): unknown => decodeDenial(`${before}policyDecision< ${inside} >policyDecision`);
        try {
          attempt();
        } catch (error) {
          expect(error).toMatchObject({ code: 'CCE_DENIAL_NOT_FOUND' });
        }
      }),
    );
  });

  it('refuses a message without a decision', () => {
    expect(() => decodeDenial('ImagePullBackOff')).toThrow(expect.objectContaining({ code: 'CCE_DENIAL_NOT_FOUND' }));
  });

  it('takes the action from the sentence when the guest left the input out', () => {
    const enforcer = createCceEnforcer(policy, { denialLimit: 200 });
    const decision = enforcer.enforce({ point: 'create_container', input: createInput() });
    expect(decodeDenial(decision.denial?.message ?? '')).toMatchObject({
      point: 'create_container',
      truncated: ['input', 'reason'],
      errors: [],
    });
  });
});

describe('explainDecision', () => {
  it('names the variable, the container and the rule that prevents the denial', () => {
    const explanation = explainDecision(platformDenial, { profile: aciProfile });
    expect(explanation.primary).toMatchObject({ predicate: 'environment', offending: ['IMDS_ENDPOINT'] });
    expect(explanation.candidates.map((candidate) => candidate.container.name)).toEqual(['app', 'sidecar']);
    const rule = explanation.suggestions[0]?.rule;
    expect(rule).toEqual({ pattern: 'IMDS_ENDPOINT=.+', required: false, strategy: 're2' });
    const repaired = policyText({
      containers: [container({ env_rules: [...(container()['env_rules'] as Fields[]), rule] })],
    });
    expect(denied({ envList: ['PATH=/bin', 'IMDS_ENDPOINT=http://x'] }, repaired).allowed).toBe(true);
    const text = renderExplanation(explanation);
    expect(text).toContain('no rule accepts the environment variable IMDS_ENDPOINT (container app)');
    expect(text).toContain('{"pattern":"IMDS_ENDPOINT=.+","required":false,"strategy":"re2"}');
    expect(text).not.toContain('http://x');
  });

  it('says that the image changed when a layer is unknown', () => {
    const enforcer = createCceEnforcer(policy);
    const input = { target: '/run/mounts/scsi/m0', deviceHash: 'f'.repeat(64) };
    const explanation = explainDecision(enforcer.enforce({ point: 'mount_device', input }));
    expect(explanation.suggestions).toMatchObject([
      { kind: 'regenerate', text: expect.stringContaining('image content changed') },
    ]);
  });

  it('explains eight texts at once by the overlay that was never admitted', () => {
    const enforcer = createCceEnforcer(policy);
    const decision = enforcer.enforce({ point: 'create_container', input: createInput() });
    const explanation = explainDecision(decision);
    expect(explanation.primary?.code).toBe('OVERLAY_MISSING');
    expect(explanation.followUps.length).toBe(decision.errors.length);
    expect(decision.errors.length).toBeGreaterThan(5);
  });

  it('does not repeat the two texts that accompany every denied exec', () => {
    const enforcer = createCceEnforcer(policy);
    for (const step of overlaySteps()) enforcer.enforce(step);
    enforcer.enforce({ point: 'create_container', input: createInput() });
    const explanation = explainDecision(
      enforcer.enforce({ point: 'exec_in_container', input: createInput({ argList: ['/bin/sh'] }) }),
    );
    expect(explanation.primary).toMatchObject({ predicate: 'command', requestValue: ['/bin/sh'] });
    expect(explanation.furtherCauses).toEqual([]);
    expect(explanation.followUps).toEqual(['invalid noNewPrivileges', 'invalid user']);
  });

  it('lists what is dropped from an allowed container and why', () => {
    const text = policyText({ flags: { allow_environment_variable_dropping: true } });
    const decision = denied({ envList: ['PATH=/usr/bin', 'X=1'] }, text);
    expect(decision.allowed).toBe(true);
    const rendered = renderExplanation(explainDecision(decision));
    expect(rendered).toContain('PATH: its value is not accepted by "PATH=/bin"');
    expect(rendered).toContain('X: no rule of the container names it');
  });
});

describe('explainDenial', () => {
  it('explains a scraped message without the policy', () => {
    const explanation = explainDenial(decodeDenial(message), undefined, { profile: aciProfile });
    expect(explanation.primary).toMatchObject({ predicate: 'environment', offending: ['IMDS_ENDPOINT'] });
    expect(explanation.suggestions[0]?.kind).toBe('add-env-rule');
  });

  it('folds the text without names under the one with names', () => {
    const single = denied({ envList: ['PATH=/bin', 'A=1', 'B=1'] }, policyText());
    expect(single.errors).toEqual(['invalid env list', 'invalid env list: A,B']);
    const explanation = explainDenial(decodeDenial(single.denial?.message ?? ''));
    expect(explanation.headline).toContain('no rule accepts the environment variables A, B');
    expect(explanation.furtherCauses).toEqual([]);
    expect(explanation.followUps).toEqual(['invalid env list']);
  });

  it('compares a scraped message with the containers of the policy', () => {
    const decoded = decodeDenial(denied({ workingDir: '/srv' }).denial?.message ?? '');
    const explanation = explainDenial(decoded, policy);
    expect(explanation.primary).toMatchObject({ predicate: 'workingDir', policyValue: '/', requestValue: '/srv' });
    expect(explanation.candidates[0]?.container.name).toBe('app');
    expect(explanation.notes.join(' ')).toContain('redacted');
  });

  it('says that the end of a message is missing', () => {
    const explanation = explainDenial(decodeDenial(message.slice(0, 300)));
    expect(explanation.notes.join(' ')).toContain('truncated in transit');
  });

  it('explains a policy without a rule for the action', () => {
    const enforcer = createCceEnforcer(policyText({ assignments: { create_container: undefined } }));
    const decision = enforcer.enforce({ point: 'create_container', input: createInput() });
    const explanation = explainDenial(decodeDenial(decision.denial?.message ?? ''));
    expect(explanation.primary?.code).toBe('RULE_MISSING');
    expect(explanation.suggestions[0]?.text).toContain('create_container := data.framework.create_container');
  });
});

describe('explainRequest', () => {
  it('compares a lone request with every container of the policy', () => {
    const step = { point: 'create_container', input: createInput({ argList: ['/bin/side'], workingDir: '/x' }) };
    const explanation = explainRequest(policy, step);
    expect(explanation.primary).toMatchObject({ predicate: 'workingDir', container: { name: 'sidecar' } });
    expect(explainRequest(policy, { point: 'create_container', input: createInput() }).allowed).toBe(true);
  });

  it('treats the container of an exec as running', () => {
    const exec = (argList: readonly string[]): boolean =>
      explainRequest(policy, { point: 'exec_in_container', input: createInput({ argList }) }).allowed;
    expect([exec(['/bin/check']), exec(['/bin/sh'])]).toEqual([true, false]);
  });
});
