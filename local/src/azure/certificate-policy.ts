import { z } from 'zod';

/** `CertificatePolicy` of Key Vault, as far as it decides what is made; other members are kept and answered. */
export const certificatePolicySchema = z.looseObject({
  key_props: z
    .looseObject({
      kty: z.enum(['RSA', 'RSA-HSM', 'EC', 'EC-HSM']).optional(),
      key_size: z
        .union([z.literal(2048), z.literal(3072), z.literal(4096), z.literal(256), z.literal(384), z.literal(521)])
        .optional(),
      crv: z.enum(['P-256', 'P-384', 'P-521']).optional(),
      exportable: z.boolean().optional(),
      reuse_key: z.boolean().optional(),
    })
    .optional(),
  secret_props: z
    .looseObject({ contentType: z.enum(['application/x-pkcs12', 'application/x-pem-file']).optional() })
    .optional(),
  x509_props: z
    .looseObject({
      subject: z.string().max(512).optional(),
      sans: z.looseObject({ dns_names: z.array(z.string().max(253)).optional() }).optional(),
      validity_months: z.int().min(1).max(120).optional(),
    })
    .optional(),
  issuer: z.looseObject({ name: z.string().optional() }).optional(),
});

export type CertificatePolicy = z.output<typeof certificatePolicySchema>;

export const PKCS12 = 'application/x-pkcs12';
export const PEM = 'application/x-pem-file';
