import { describe, it } from 'vitest';

import { createKataEnforcer } from '../../src/kata/evaluate/enforcer.ts';
import { readKataRecording, replayKataRequests } from '../../src/kata/evaluate/replay.ts';
import { parsePolicyData } from '../../src/kata/policy-document.ts';
import { kataCases, vectorJson, vectorsMissing, vectorText } from './vectors.ts';

describe.skipIf(vectorsMissing)('createKataEnforcer answers as the AKS rules did', () => {
  for (const entry of kataCases('kata-ms-decision')) {
    const recorded = readKataRecording(vectorJson(entry.file));
    recorded.forEach((request) => {
      it(`${entry.id}: ${request.name ?? ''}`, ({ expect }) => {
        const enforcer = createKataEnforcer(parsePolicyData(vectorText(entry.policyData)), 'ms');
        const decision = enforcer.enforce(request);
        expect(decision.allowed, decision.message).toBe(request.allowed);
        expect(decision.causes.length > 0).toBe(!decision.allowed);
      });
    });
  }
});

describe.skipIf(vectorsMissing)('replayKataRequests answers as the rules of Kata Containers 4.1.0', () => {
  for (const entry of kataCases('kata-eval')) {
    it(`did for ${entry.id}`, ({ expect }) => {
      const policy = parsePolicyData(vectorText(entry.computed.policyData));
      // Only the sequences about state belong to one sandbox; every other case stands alone.
      const sequence = entry.id.includes('/state__');
      const requests = vectorJson(entry.computed.requests) as unknown[];
      const runs = sequence ? [requests] : requests.map((request) => [request]);
      const decisions = runs.flatMap((run) => replayKataRequests(run, { policy, profile: 'upstream' }).decisions);
      const wrong = decisions.flatMap((decision, at) =>
        decision.allowed === entry.cases[at]?.allowed
          ? []
          : [`${entry.cases[at]?.description ?? ''}: ${decision.message}`],
      );
      expect(decisions).toHaveLength(entry.cases.length);
      expect(wrong).toEqual([]);
    });
  }
});
