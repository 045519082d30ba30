// Signing in, where the server asks for tokens: the token is traded for a cookie that no script can read.

import { Problem, get, onUnauthorized, post, remove } from "./api.js";
import { h, toast } from "./dom.js";

/** Shows the form in place of the page until the server lets this client in; then calls `entered`. */
export function guard(main, entered) {
  const end = document.getElementById("session");

  async function look() {
    const session = await get("/session");
    end.replaceChildren(...(session.required && session.scope ? [
      session.scope === "read" ? h("span", { class: "tag" }, "read only") : "",
      h("button", { type: "button", class: "ghost", onclick: leave }, "Sign out"),
    ] : []));
    return !session.required || session.scope !== null;
  }

  async function leave() {
    try {
      await remove("/session");
      location.reload();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(problem.message);
    }
  }

  async function ask() {
    if (main.querySelector("#sign-in")) return;
    document.title = "Sign in · gand";
    const token = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
    const error = h("p", { class: "field-error", id: "token-error", role: "alert" });
    const form = h("form", {
      id: "sign-in", class: "card sign-in",
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          await post("/session", { token: token.value });
          form.remove();
          await look();
          entered();
        } catch (problem) {
          if (!(problem instanceof Problem)) throw problem;
          error.textContent = problem.message;
          token.setAttribute("aria-invalid", "true");
          token.setAttribute("aria-describedby", error.id);
          token.select();
        }
      },
    },
    h("h1", {}, "Sign in"), h("p", { class: "muted" }, "This server asks for a token. Whoever runs it has given you one."),
    h("div", { class: "field" }, h("label", { for: "token" }, "Token"), token, error),
    h("button", { type: "submit", class: "button primary large" }, "Sign in"));
    main.replaceChildren(form);
    token.focus();
  }

  onUnauthorized(ask);
  // A server without this route asks for nothing; one that is away is asked again by the page itself.
  look().then((in_) => (in_ ? entered() : ask()), () => entered());
}
