import { fromBase64, fromUtf8, toBase64 } from '@holdfast/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { certificatePolicySchema, PEM, PKCS12 } from './certificate-policy.ts';
import type { CertificateStore, CertificateVersion, DeletedCertificate } from './certificate-store.ts';
import type { VaultPermission } from './vault-access.ts';
import { nameOf, pageOf, parseBody, sendJson, VaultFault, versionOf } from './vault-http.ts';
import { RECOVERABLE_DAYS } from './vault-items.ts';

const changesSchema = z.object({
  attributes: z.object({ enabled: z.boolean().optional() }).optional(),
  tags: z.record(z.string().max(256), z.string().max(256)).optional(),
});
const createSchema = changesSchema.extend({ policy: certificatePolicySchema.optional() });
const importSchema = createSchema.extend({ value: z.string(), pwd: z.string().optional() });

/**
 * The certificates part of the Key Vault data plane: create with the issuer Self, import of PEM, get, policy, update, list,
 * versions, delete, recover, purge. Other issuers, contacts, backup and merge are not served, nor import of PKCS#12.
 */
export function registerCertificateRoutes(app: FastifyInstance, store: CertificateStore, origin: () => string): void {
  const needs = (permission: VaultPermission) => ({ config: { permission } });
  const send = async (reply: FastifyReply, certificate: CertificateVersion): Promise<FastifyReply> =>
    sendJson(reply, certificateBundle(certificate, origin()));

  app.get('/certificates', needs('certificates/list'), async (request, reply) => {
    const items = store.listCertificates().map((one) => certificateItem(one, origin(), false));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  app.get('/certificates/:name/versions', needs('certificates/list'), async (request, reply) => {
    const items = store.listVersions(nameOf(request)).map((one) => certificateItem(one, origin(), true));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  const get = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    send(reply, store.getCertificate(nameOf(request), versionOf(request)));
  app.get('/certificates/:name', needs('certificates/get'), get);
  app.get('/certificates/:name/:version', needs('certificates/get'), get);
  app.get('/certificates/:name/policy', needs('certificates/get'), async (request, reply) => {
    const { name, policy } = store.getCertificate(nameOf(request));
    return sendJson(reply, { id: `${origin()}/certificates/${name}/policy`, ...policy });
  });
  // Making one takes no time here; whoever asks for the operation finds it done.
  app.get('/certificates/:name/pending', needs('certificates/get'), async (request, reply) =>
    sendJson(reply, operationOf(store.getCertificate(nameOf(request)), origin())),
  );

  app.post('/certificates/:name/create', needs('certificates/create'), async (request, reply) => {
    const { policy = {}, ...changes } = parseBody(request, createSchema);
    const made = await store.createCertificate(nameOf(request), policy, changesOf(changes));
    return sendJson(reply.code(202), { ...operationOf(made, origin()), status: 'inProgress' });
  });
  app.post('/certificates/:name/import', needs('certificates/import'), async (request, reply) => {
    const { policy = {}, value, ...changes } = parseBody(request, importSchema);
    const contentType = policy.secret_props?.contentType ?? (value.includes('-----BEGIN ') ? PEM : PKCS12);
    if (contentType !== PEM) {
      throw new VaultFault(400, 'BadParameter', 'Only PEM (application/x-pem-file) can be imported here.');
    }
    const whole = { ...policy, secret_props: { ...policy.secret_props, contentType } as const };
    return send(reply, await store.importCertificate(nameOf(request), pemOf(value), whole, changesOf(changes)));
  });
  const update = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const changes = changesOf(parseBody(request, changesSchema));
    return send(reply, await store.updateCertificate(nameOf(request), versionOf(request), changes));
  };
  app.patch('/certificates/:name', needs('certificates/update'), update);
  app.patch('/certificates/:name/:version', needs('certificates/update'), update);

  app.delete('/certificates/:name', needs('certificates/delete'), async (request, reply) =>
    sendJson(reply, deletedBundle(await store.deleteCertificate(nameOf(request)), origin())),
  );
  app.get('/deletedcertificates', needs('certificates/list'), async (request, reply) => {
    const items = store.listDeleted().map((deleted) => deletedBundle(deleted, origin()));
    return sendJson(reply, pageOf(request, origin(), items));
  });
  app.get('/deletedcertificates/:name', needs('certificates/get'), async (request, reply) =>
    sendJson(reply, deletedBundle(store.getDeleted(nameOf(request)), origin())),
  );
  app.post('/deletedcertificates/:name/recover', needs('certificates/recover'), async (request, reply) =>
    send(reply, await store.recoverCertificate(nameOf(request))),
  );
  app.delete('/deletedcertificates/:name', needs('certificates/purge'), async (request, reply) => {
    await store.purgeCertificate(nameOf(request));
    return reply.code(204).send();
  });
}

/** PEM text, or Base64 of it as some clients send. */
function pemOf(value: string): string {
  if (value.includes('-----BEGIN ')) return value;
  try {
    return fromUtf8(fromBase64(value.replaceAll(/\s/g, '')));
  } catch {
    return value; // the store says that it is no PEM
  }
}

function changesOf({ attributes, tags }: z.output<typeof changesSchema>) {
  return { enabled: attributes?.enabled, tags };
}

function certificateItem(one: CertificateVersion, origin: string, withVersion: boolean) {
  const { name, version, thumbprint, tags, attributes } = one;
  return {
    id: `${origin}/certificates/${name}${withVersion ? `/${version}` : ''}`,
    x5t: thumbprint,
    attributes: { ...attributes, recoveryLevel: 'Recoverable+Purgeable', recoverableDays: RECOVERABLE_DAYS },
    ...(tags === undefined ? {} : { tags }),
  };
}

function certificateBundle(one: CertificateVersion, origin: string) {
  const { name, version, cer, policy } = one;
  return {
    ...certificateItem(one, origin, true),
    kid: `${origin}/keys/${name}/${version}`,
    sid: `${origin}/secrets/${name}/${version}`,
    cer: toBase64(cer),
    policy: { id: `${origin}/certificates/${name}/policy`, ...policy },
  };
}

function deletedBundle({ certificate, deletedDate, scheduledPurgeDate }: DeletedCertificate, origin: string) {
  return {
    recoveryId: `${origin}/deletedcertificates/${certificate.name}`,
    deletedDate,
    scheduledPurgeDate,
    ...certificateBundle(certificate, origin),
  };
}

function operationOf({ name }: CertificateVersion, origin: string) {
  return {
    id: `${origin}/certificates/${name}/pending`,
    issuer: { name: 'Self' },
    cancellation_requested: false,
    status: 'completed',
    target: `${origin}/certificates/${name}`,
  };
}
