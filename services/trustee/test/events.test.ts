import { DependencyError } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import type { Logger } from '@holdfast/process';
import { describe, expect, it } from 'vitest';

import { createEvents } from '../src/events.ts';

describe('the metrics', () => {
  it('stay readable while the storage of sessions does not answer, which the log says', async () => {
    const lines: unknown[] = [];
    const logger = { warn: (...line: unknown[]) => lines.push(line) } as unknown as Logger;
    const registry = createMetricsRegistry('trustee');
    const gone = new DependencyError('REDIS_UNREACHABLE', 'Redis is gone', { retryable: true });
    const events = createEvents(logger, registry, () => Promise.reject(gone));
    events.challengeIssued('snp');
    const text = await registry.metrics();
    expect(text).toMatch(/^kbs_sessions\{.*\} Nan$/m);
    expect(text).toMatch(/^kbs_auth_total\{tee="snp".*\} 1$/m);
    expect(lines).toEqual([
      [{ codes: ['REDIS_UNREACHABLE'], reasons: ['Redis is gone'] }, 'sessions could not be counted'],
    ]);
  });
});
