import { errorMessage } from '@holdfast/base';

import type { TrusteeContext } from '../context.ts';
import { KbsRefusal } from '../kbs/kbs-refusal.ts';
import type { AdminRequest } from './admin-routes.ts';
import type { KbsReply } from './reply.ts';

/** The plugin `sample`: administrators get one text, whatever they ask. It shows that routing and access lists work. */
export async function answerSample(
  { administrators }: TrusteeContext,
  { authorization, target }: AdminRequest,
): Promise<KbsReply> {
  try {
    await administrators.authorize(authorization, target.full);
  } catch (cause) {
    const detail = `failed to initialize [admin] configuration: ${errorMessage(cause)}`;
    throw new KbsRefusal('AdminAuthInitialization', detail, cause);
  }
  return { body: 'sample plugin response', contentType: 'text/xml' };
}
