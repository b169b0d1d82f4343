import { DependencyError } from '@holdfast/base';
import { AuthenticationError, MultipleErrors, NetworkError, TimeoutError, UserError } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';

import { errorCodes } from '../src/error-codes.ts';
import { kafkaProblem } from '../src/problem.ts';

const connection = { brokers: ['one:1', 'two:2'], clientId: 'me' };
const problem = (error: unknown): DependencyError => kafkaProblem(error, 'cannot send', connection);
const system = (code: string): Error => Object.assign(new Error(code), { code });
const protocol = (apiId: string): Error =>
  Object.assign(new Error('said the broker'), { code: 'PLT_KFK_PROTOCOL', apiId });

describe('kafkaProblem', () => {
  it.each([
    ['a refused connection', new NetworkError('x', { cause: system('ECONNREFUSED') }), 'KAFKA_UNREACHABLE', true],
    [
      'several of them',
      new MultipleErrors('x', [new NetworkError('y', { cause: system('ENOTFOUND') })]),
      'KAFKA_UNREACHABLE',
      true,
    ],
    ['an error of TLS', system('ERR_TLS_CERT_ALTNAME_INVALID'), 'KAFKA_UNREACHABLE', true],
    ['a timeout', new TimeoutError('x'), 'KAFKA_TIMEOUT', true],
    ['refused credentials', new AuthenticationError('x'), 'KAFKA_AUTHENTICATION_FAILED', false],
    ['an unknown topic, as the library says it', new UserError('Unknown topic nope.'), 'KAFKA_TOPIC_UNKNOWN', true],
    ['an unknown topic, as the protocol says it', protocol('UNKNOWN_TOPIC_OR_PARTITION'), 'KAFKA_TOPIC_UNKNOWN', true],
    ['a topic that is not ours', protocol('TOPIC_AUTHORIZATION_FAILED'), 'KAFKA_ACCESS_DENIED', false],
    [
      'a record too large, deep inside',
      new Error('x', { cause: new AggregateError([protocol('MESSAGE_TOO_LARGE')]) }),
      'KAFKA_RECORD_REFUSED',
      false,
    ],
    ['another answer', protocol('NOT_COORDINATOR'), 'KAFKA_FAILED', true],
    ['no error at all', undefined, 'KAFKA_FAILED', true],
  ])('%s', (_what, error, code, retryable) => {
    expect(problem(error)).toMatchObject({ code, retryable, details: { brokers: connection.brokers } });
    expect(problem(error).action).toBe(errorCodes[code]?.action);
  });

  it('says what the operating system said', () => {
    expect(problem(new NetworkError('x', { cause: system('ECONNREFUSED') })).message).toBe(
      'cannot send: cannot reach a broker at one:1, two:2: connection refused',
    );
  });

  it('ends with an error that is its own cause', () => {
    const error = new Error('round');
    error.cause = error;
    expect(problem(error).code).toBe('KAFKA_FAILED');
  });

  it('leaves its own errors as they are', () => {
    const own = new DependencyError('KAFKA_TIMEOUT', 'x', { retryable: true });
    expect(problem(own)).toBe(own);
  });
});
