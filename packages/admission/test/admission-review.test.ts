import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { admissionAnswer, parseAdmissionReview } from '../src/index.ts';
import { requestFor } from './patched.ts';

const review = (request: object, apiVersion = 'admission.k8s.io/v1') =>
  JSON.stringify({ apiVersion, kind: 'AdmissionReview', request });

describe('AdmissionReview', () => {
  it.each(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'])('%s is answered in the same version', (apiVersion) => {
    const request = parseAdmissionReview(review({ uid: 'u', object: { a: 1 } }, apiVersion));
    expect(admissionAnswer(request, { allowed: true, object: { a: 1 } })).toEqual({
      apiVersion,
      kind: 'AdmissionReview',
      response: { uid: 'u', allowed: true, status: { code: 200 } },
    });
  });

  it('has a message and a code, and no patch, when it is refused', () => {
    const answer = admissionAnswer(requestFor({}), { allowed: false, code: 400, message: 'no' });
    expect(answer['response']).toEqual({ uid: 'u', allowed: false, status: { code: 400, message: 'no' } });
  });

  it.each([
    ['no JSON', '{'],
    ['another kind', JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'Pod' })],
    ['another version', review({ uid: 'u' }, 'admission.k8s.io/v2')],
    ['no uid', review({})],
    ['a list', '[]'],
    ['a hundred thousand nested lists', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['deep nesting inside', review({ uid: 'u', object: JSON.parse(`${'[['.repeat(80)}${']]'.repeat(80)}`) as object })],
  ])('is refused when it is %s', (_title, text) => {
    expect(() => parseAdmissionReview(text)).toThrow(expect.objectContaining({ code: 'ADMISSION_REVIEW_INVALID' }));
  });

  it('lets no other error escape, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseAdmissionReview(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ADMISSION_REVIEW_INVALID' });
        }
      }),
    );
  });
});
