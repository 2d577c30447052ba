/** One message with its whole text, beside the ladder. */
import { byId, setText } from "/make.js";
import { detail } from "/route.js";

export class MessageView {
  show({ key, title, text }) {
    byId("messages").classList.add("open");
    byId("message").hidden = false;
    setText(byId("message-title"), title);
    setText(byId("message-text"), text.replaceAll("\r\n", "\n"));
    detail({ message: key });
  }

  get isOpen() {
    return !byId("message").hidden;
  }

  hide() {
    byId("messages").classList.remove("open");
    byId("message").hidden = true;
  }
}
