import { escapeHtml as escape, page } from "./page.ts"

/** What a page of a hook says. Texts are hostile: ids and names come from whoever made the workflow. */
export interface HookQuestion {
  readonly id: string
  readonly step: string
  readonly type: string
  /** The question itself. */
  readonly prompt?: string
}

/** Asks a person. Looking at it decides nothing: mail scanners and previews open links too. */
export function questionPage({ id, step, type, prompt }: HookQuestion): string {
  return page(
    step,
    `<h1>${escape(step)}</h1>
<p>The workflow <code>${escape(id)}</code> ${prompt === undefined ? "waits for your decision" : "asks"} (<code>${escape(type)}</code>)${prompt === undefined ? "." : ":"}</p>
${prompt === undefined ? "" : `<p class="question">${escape(prompt)}</p>\n`}<form method="post">
<p><label>Comment<br><textarea name="comment" rows="3" maxlength="2000"></textarea></label></p>
<button name="approved" value="true">Approve</button><button name="approved" value="false">Reject</button>
</form>`,
  )
}

export function messagePage(title: string, text: string): string {
  return page(title, `<h1>${escape(title)}</h1>\n<p>${escape(text)}</p>`)
}
