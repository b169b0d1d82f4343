import type { TrusteeConfig } from '../config-schema.ts';
import type { TlsSettings } from '../context.ts';
import { readText } from './files.ts';

/** What the listeners present; undefined for plain HTTP. */
export async function openTls({ http_server: server }: TrusteeConfig): Promise<TlsSettings | undefined> {
  if (server.insecure_http || server.private_key === undefined || server.certificate === undefined) return undefined;
  const lowest = server.tls_min_version ?? (server.tls_profile === 'modern' ? '1.3' : '1.2');
  return {
    key: await readText(server.private_key),
    cert: await readText(server.certificate),
    minVersion: `TLSv${lowest}`,
    ...(server.tls_max_version === undefined ? {} : { maxVersion: `TLSv${server.tls_max_version}` }),
    ...(server.tls_ciphers === undefined ? {} : { ciphers: server.tls_ciphers }),
    ...(server.tls_groups === undefined ? {} : { ecdhCurve: server.tls_groups }),
  };
}
