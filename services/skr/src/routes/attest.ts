import { thimCertificateBundle } from '@holdfast/attestation';
import { toBase64, toHex, toUtf8 } from '@holdfast/base';
import type { FastifyInstance } from 'fastify';

import type { SkrContext } from '../context.ts';
import { maaOrigin } from '../maa-endpoint.ts';
import { decodeRuntimeData, textMembers } from '../request-body.ts';

/** `POST /attest/raw`, `/attest/combined` and `/attest/maa`: evidence about this guest, bound to the caller's data. */
export function registerAttestRoutes(app: FastifyInstance, { attester, events, maaEndpointRules }: SkrContext): void {
  app.post('/attest/raw', async (request) => {
    const { runtime_data: runtimeData } = textMembers(request.body, ['runtime_data']);
    const report = await attester.report(decodeRuntimeData(runtimeData));
    events.answered('/attest/raw');
    return { report: toHex(report) };
  });
  app.post('/attest/combined', async (request) => {
    const { runtime_data: runtimeData } = textMembers(request.body, ['runtime_data']);
    const evidence = await attester.evidence(decodeRuntimeData(runtimeData));
    events.answered('/attest/combined');
    return {
      endorsed_tcb: evidence.certificates.tcbm,
      endorsements: toBase64(toUtf8(thimCertificateBundle(evidence.certificates))),
      evidence: toBase64(evidence.report),
      uvm_endorsements: evidence.uvmEndorsement === undefined ? '' : toBase64(evidence.uvmEndorsement),
    };
  });
  app.post('/attest/maa', async (request) => {
    const members = textMembers(request.body, ['maa_endpoint', 'runtime_data']);
    const runtimeData = decodeRuntimeData(members.runtime_data);
    const token = await attester.token(maaOrigin(members.maa_endpoint, maaEndpointRules), runtimeData);
    events.answered('/attest/maa');
    return { token };
  });
}
