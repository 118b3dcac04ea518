from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        from crm.accounts.actions import handing_over
        from crm.staff.actions import leaving
        from retention.follow_ups.actions import take_back_from
        from retention.handovers.actions import hand_over
        from retention.pages.fields import register_fields

        register_fields()
        handing_over.append(hand_over)
        # After crm's own, which has returned the mails by then.
        leaving.append(take_back_from)
