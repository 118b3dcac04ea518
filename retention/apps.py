from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"

    def ready(self) -> None:
        from crm.staff.actions import leaving
        from retention.follow_ups.actions import take_back_from
        from retention.pages.fields import register_fields

        register_fields()
        # After crm's own, which has returned the mails by then.
        leaving.append(take_back_from)
